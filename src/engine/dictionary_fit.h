// The dictionary of a decoder, from training samples.
#ifndef GFE_DICTIONARY_FIT_H
#define GFE_DICTIONARY_FIT_H

#include "engine/run.h"

// The largest number of entries in the dictionary of a run.
int64_t dictionary_fit_entries(const struct run *run);

// The latents of training samples drawn by `run->config.run.seed`: flows, with the options of the
// evaluation, are run with the present decoder from where training has left the latents
// (run->latents) or from z = 0. Mean and covariance are those of all latents as left by training.
// Owned by the caller. Collective.
struct dictionary *dictionary_fit(struct run *run);

// The same from latents as they are, [local_count][real_padded(d)], without flows or losses; those
// that are not finite are left out. It serves for a moment and is decoded by every rank, so it has
// no more entries than samples with weights are ranked among. Owned by the caller. Collective.
struct dictionary *dictionary_fit_latents(const struct run *run, const real *latents);

// Bytes of the work space in which it is fitted.
double dictionary_fit_bytes(const struct run *run);

#endif
