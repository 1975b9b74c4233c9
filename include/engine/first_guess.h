// Where the flows of a whole set begin (evaluation.start): all at the same start or, if there are
// several, each at the one where its sample's loss is smallest; the next best are kept for further
// tries.
#ifndef GFE_FIRST_GUESS_H
#define GFE_FIRST_GUESS_H

#include "engine/ensemble.h"
#include "engine/run.h"

struct observation;

// Fits predictor and dictionary if they are wanted and do not exist yet. Collective.
void first_guess_prepare(struct run *run);

// A cheaper dictionary for a validation in the middle of training: the latents
// [local_count][real_padded(d)] of the training samples as the last epoch has left them, whose mean
// loss is about `loss`, without flows and metrics. It must be dropped before the decoder's own
// dictionary is wanted. Nothing happens if a dictionary exists or none is wanted. Collective.
void first_guess_prepare_provisional(struct run *run, const real *latents, double loss);
void first_guess_drop_provisional(struct run *run);

// Prepares the starts and sets the latents of the flows still to run (STATUS_RUNNING) to where they
// begin; further starts, if any, are in encoding->starts, to be released by first_guess_end().
// `observation`: that of the samples, or NULL. `exclude_own`: not at the sample's own latent.
// Collective.
void first_guess_start(struct run *run, const struct samples *samples,
                       const struct observation *observation, bool exclude_own,
                       struct encoding *encoding);
void first_guess_end(struct encoding *encoding);

// Identifies where flows begin: a hash of what decoder.file gives, or of the data that guesses are
// fitted to; 0 for z = 0.
uint64_t first_guess_identity(const struct run *run);

// Bytes of everything that is fitted, including work space.
double first_guess_bytes(const struct run *run);

#endif
