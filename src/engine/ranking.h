// Samples ranked among the entries of a dictionary by the reconstruction loss itself, on the
// entries of the sample that were observed.
//
// Both losses are sums of w (a(x) - y x) over entries, up to what does not depend on x: a(x) is
// x^2 / 2 for mse and softplus(x) for bce. So the losses of all samples at all entries of the
// dictionary are two products of matrices, or one and a bias where all weights are 1.
#ifndef GFE_RANKING_H
#define GFE_RANKING_H

#include "engine/dictionary.h"
#include "engine/samples.h"

struct ranking_wishes {
  bool zero, mean, trained;  // which entries of the dictionary take part
  bool exclude_own;          // not those of the sample itself or of an equal one
  int64_t count;             // samples that are ranked,
  const int64_t *chosen;     // [count] which ones, borrowed
  size_t rows;               // of a pass at most
};

// Ranks samples of this rank, by the loss and the prior that they have: the first of a sample's
// `tries` entries, entries [samples->count][tries] (those of samples that are not chosen stay), has
// the least loss, ties by order; each further one the least of those that lie at least half a
// standard deviation from all before; -1: there is no more. Not collective.
void ranking_run(const struct decoder *decoder, const struct dictionary *dictionary,
                 const struct samples *samples, const struct ranking_wishes *wishes, size_t tries,
                 int64_t *entries);

// Bytes of its work space with a dictionary of so many entries, and of the dictionary, but for the
// pass, which comes before that of the flows.
double ranking_bytes(const struct decoder *decoder, int64_t entries, int64_t samples, size_t rows);

// The checksum of a sample by which its own entries are known; never 0.
int64_t ranking_origin(const struct samples *samples, size_t n, int64_t i);

#endif
