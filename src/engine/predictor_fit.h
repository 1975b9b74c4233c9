// The predictor of a decoder, from training samples.
#ifndef GFE_PREDICTOR_FIT_H
#define GFE_PREDICTOR_FIT_H

#include "engine/run.h"

// Fitted to training samples evenly spaced, encoded from z = 0 with the decoder as it stands. Owned
// by the caller. Collective.
struct predictor *predictor_fit_train(struct run *run);

// Bytes of the predictor, and of the work space in which it is fitted.
double predictor_fit_bytes(const struct run *run);

#endif
