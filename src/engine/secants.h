// A Gauss-Newton step from an entry of a dictionary towards a sample, with the decoder's Jacobian
// replaced by the differences between the outputs at the entry and at those nearest to it. These
// outputs are known, as samples have been ranked by them, so a first guess that is better than any
// entry costs a small part of an evaluation.
#ifndef GFE_SECANTS_H
#define GFE_SECANTS_H

#include "engine/dictionary.h"

struct secants;  // owned by the caller of secants_create()

// Among the first `entries` of a dictionary; x [entries][real_padded(n)] are the decoder's outputs
// at them. All borrowed.
struct secants *secants_create(const struct decoder *decoder, const struct dictionary *dictionary,
                               int64_t entries, const real *x);
void secants_destroy(struct secants **secants);
size_t secants_bytes(const struct decoder *decoder);

// The latent z [real_padded(d)] that the step from a trained entry leads to, for a sample y without
// weights. Entries of this `origin` do not take part; 0: all do. False if there is no such step.
bool secants_step(struct secants *secants, int64_t entry, int64_t origin, const real *y, real *z);

#endif
