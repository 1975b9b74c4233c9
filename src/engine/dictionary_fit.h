// The dictionary of a decoder, from training samples.
#ifndef GFE_DICTIONARY_FIT_H
#define GFE_DICTIONARY_FIT_H

#include "engine/run.h"

// The latents of training samples that `run->config.run.seed` draws: where training has left them
// (run->latents), or z = 0; from there the flows of the evaluation are followed under the decoder
// as it stands, unless training goes on (run->training), when it will change soon. Owned by the
// caller. Mean and covariance are those of all latents as training has left them. Collective.
struct dictionary *dictionary_fit(struct run *run);

// Bytes of the work space in which it is fitted.
double dictionary_fit_bytes(const struct run *run);

#endif
