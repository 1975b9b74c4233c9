// Gauss-Newton steps from entries of a dictionary towards a sample, with the decoder's Jacobian
// replaced by the differences between the outputs at an entry and at those nearest to it. These
// outputs are known, as samples have been ranked by them, so what a flow from an entry would reach
// can be predicted, and a first guess that is better than any entry be made, for a small part of an
// evaluation.
#ifndef GFE_SECANTS_H
#define GFE_SECANTS_H

#include "engine/dictionary.h"

struct secants;  // owned by the caller of secants_create()

// Among the first `entries` of a dictionary; x [entries][real_padded(n)] are the decoder's outputs
// at them. All borrowed.
struct secants *secants_create(const struct decoder *decoder, const struct dictionary *dictionary,
                               int64_t entries, const real *x);
void secants_destroy(struct secants **secants);
double secants_bytes(const struct decoder *decoder, int64_t entries);

// The number of entries whose steps towards a sample take at most as many operations as an
// evaluation: at most BEST_ENTRIES_MOST, and twice as many as surround a point of a grid in z. 1
// beyond DICTIONARY_METRIC_LATENT, where finding the differences costs too much, and for bce: where
// outputs are close to 0 or 1, the curvature of its loss is so small that a step seems to gain much
// more than it does.
size_t secants_most(const struct decoder *decoder);

// What the two functions below refer to: a sample y [real_padded(n)] without weights, the origin of
// entries that do not take part (0: all do), and the products of y with the outputs, [entries], NAN
// where they are not known yet. All borrowed; unknown products are added as they are needed.
void secants_begin_sample(struct secants *secants, const real *y, int64_t origin, double *overlap);

// By how much the step from a trained entry is expected to lower the sum of the loss over the
// entries of the sample (for mse, half of it): by nine tenths of what it does if the decoder is
// linear, so that of two steps with the same end the one from a lower loss is better. 0 if there is
// no such step.
double secants_gain(struct secants *secants, int64_t entry);

// The latent z [real_padded(d)] that this step leads to; false if there is none.
bool secants_step(struct secants *secants, int64_t entry, real *z);

#endif
