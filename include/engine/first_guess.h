// Where the flows of a whole set begin: at z = 0, or where a predictor puts them
// (evaluation.start).
#ifndef GFE_FIRST_GUESS_H
#define GFE_FIRST_GUESS_H

#include "engine/ensemble.h"
#include "engine/run.h"

// If a predictor is wanted and run->predictor is NULL, fits one: to training samples evenly spaced,
// encoded from z = 0 with the decoder as it stands. Collective.
void first_guess_prepare(struct run *run);

// Prepares, and puts the latents of the flows still to run (STATUS_RUNNING) where they begin.
// Collective.
void first_guess_start(struct run *run, const struct samples *samples, struct encoding *encoding);

// Names where flows begin: 0 at z = 0; else the predictor of decoder.file, or the data that one is
// fitted to.
uint64_t first_guess_identity(const struct run *run);

// Bytes of the predictor, and of the work space in which it is fitted.
double first_guess_bytes(const struct run *run);

#endif
