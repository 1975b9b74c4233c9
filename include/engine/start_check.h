// Whether training can learn anything from where it starts.
#ifndef GFE_START_CHECK_H
#define GFE_START_CHECK_H

#include "engine/run.h"
#include "ground/error.h"

// An error if, at z = 0, no training sample's loss depends on the latent or on any weight of the
// decoder: flows would stay where they are, and training would change the last bias only. This
// happens if both the last layer and its input are 0. Samples and parameters are those at the
// start. Collective, with the same answer on all ranks.
void start_check(const struct run *run, struct error *error);

#endif
