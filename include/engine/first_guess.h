// Where the flows of a whole set begin (evaluation.start): at one start for all, or, of several, at
// the one of least loss for each sample, with further ones to try.
#ifndef GFE_FIRST_GUESS_H
#define GFE_FIRST_GUESS_H

#include "engine/ensemble.h"
#include "engine/run.h"

struct observation;

// Fits predictor and dictionary as far as they are wanted and not there. Collective.
void first_guess_prepare(struct run *run);

// Prepares, and puts the latents of the flows still to run (STATUS_RUNNING) where they begin;
// further starts, if there are any, are in encoding->starts, to be given up by first_guess_end().
// `observation` of the samples, or NULL. `exclude_own`: not at the latent of the sample itself.
// Collective.
void first_guess_start(struct run *run, const struct samples *samples,
                       const struct observation *observation, bool exclude_own,
                       struct encoding *encoding);
void first_guess_end(struct encoding *encoding);

// Names where flows begin: what decoder.file gives, or the data that guesses are fitted to; 0 at
// z = 0.
uint64_t first_guess_identity(const struct run *run);

// Bytes of all that is fitted, and of the work space.
double first_guess_bytes(const struct run *run);

#endif
