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

// Ranks dictionary entries for samples of this rank, by their loss and prior, into entries
// [samples->count][tries] (unchanged for samples that are not chosen): the first entry of a sample
// has the smallest loss, with ties broken by order; each further one has the smallest loss of those
// that are at least half a standard deviation away from all earlier ones; -1: there are no more.
// Not collective.
void ranking_run(const struct decoder *decoder, const struct dictionary *dictionary,
                 const struct samples *samples, const struct ranking_wishes *wishes, size_t tries,
                 int64_t *entries);

// Bytes of work space for a dictionary with this many entries, and of the dictionary itself,
// excluding the pass, which precedes that of the flows.
double ranking_bytes(const struct decoder *decoder, int64_t entries, int64_t samples, size_t rows);

// The checksum of a sample by which its own entries are known; never 0.
int64_t ranking_origin(const struct samples *samples, size_t n, int64_t i);

#endif
