// The dictionary of a decoder, from training samples.
#ifndef GFE_DICTIONARY_FIT_H
#define GFE_DICTIONARY_FIT_H

#include "engine/run.h"

// Entries that the dictionary of a run has at the most.
int64_t dictionary_fit_entries(const struct run *run);

// The latents of training samples that `run->config.run.seed` draws: from where training has left
// them (run->latents), or z = 0, the flows of the evaluation are followed under the decoder as it
// stands. Mean and covariance are those of all latents as training has left them. Owned by the
// caller. Collective.
struct dictionary *dictionary_fit(struct run *run);

// The same of latents as they are, [local_count][real_padded(d)], without a flow or a loss; those
// that are not finite are left out. Owned by the caller. Collective.
struct dictionary *dictionary_fit_latents(const struct run *run, const real *latents);

// Bytes of the work space in which it is fitted.
double dictionary_fit_bytes(const struct run *run);

#endif
