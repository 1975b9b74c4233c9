// The predictor of a decoder, from training samples.
#ifndef GFE_PREDICTOR_FIT_H
#define GFE_PREDICTOR_FIT_H

#include "engine/run.h"

// Fitted to evenly spaced training samples, encoded from z = 0 with the present decoder. Owned by
// the caller. Collective.
struct predictor *predictor_fit_train(struct run *run);

// Bytes of the predictor, and of the work space in which it is fitted.
double predictor_fit_bytes(const struct run *run);

#endif
