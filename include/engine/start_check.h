// Whether anything can be learned from where a training begins.
#ifndef GFE_START_CHECK_H
#define GFE_START_CHECK_H

#include "engine/run.h"
#include "ground/error.h"

// An error if, at z = 0, no training sample's loss depends on the latent or on a weight of the
// decoder: flows stay where they are, and training moves the last bias alone. So it is where the
// last layer is 0 and what it is given is 0, too. Samples and parameters are those of the start.
// Collective, with the same answer on all ranks.
void start_check(const struct run *run, struct error *error);

#endif
