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

// The largest number of trained entries, between 64 and 1,024, among which a sample can be ranked
// for about the cost of one evaluation, by bounds of its losses if it has no weights. A function of
// the decoder alone.
int64_t ranking_most(const struct decoder *decoder, bool weighted);

struct ranking_wishes {
  bool zero, mean, trained;  // which entries of the dictionary take part
  bool exclude_own;          // not those of the sample itself or of an equal one
  int64_t most;              // of the trained entries only the first ones, so many; 0: all
  int64_t count;             // samples that are ranked,
  const int64_t *chosen;     // [count] which ones, borrowed
  size_t rows;               // of a pass at most
};

// What is found, for the samples that are chosen; the rest is left as it is.
struct ranking_found {
  int64_t *entries;  // [samples->count][tries] see below; -1: there are no more
  double *losses;    // [samples->count][tries] what the flow minimises there; NULL: not wanted
  // [samples->count][tries][real_padded(d)], for samples without weights: where the step from an
  // entry leads (secants.h), provided that this entry is a trained one and that all outputs of the
  // dictionary fit into 64 MB; and whether there is such a step, [samples->count][tries] (only from
  // the first entry if secants_most() is 1). NULL: not wanted.
  real *guesses;
  bool *guessed;
};

// Ranks dictionary entries for samples of this rank, by their loss and prior: the first entry of a
// sample has the smallest loss, with ties broken by order; each further one has the smallest loss
// of those that are at least half a standard deviation away from all earlier ones. If there are
// guesses, those of the entries with the smallest losses (at most secants_most()) come first from
// which a step is expected to lead to the smallest loss, a third of a standard deviation apart. Not
// collective.
void ranking_run(const struct decoder *decoder, const struct dictionary *dictionary,
                 const struct samples *samples, const struct ranking_wishes *wishes, size_t tries,
                 const struct ranking_found *found);

// Bytes of work space for a dictionary with this many entries, and of the dictionary itself,
// excluding the pass, which precedes that of the flows.
double ranking_bytes(const struct decoder *decoder, int64_t entries, int64_t samples, size_t rows);

// The checksum of a sample by which its own entries are known; never 0.
int64_t ranking_origin(const struct samples *samples, size_t n, int64_t i);

#endif
