// What training is judged by while it runs: samples that it does not learn from, and the rule by
// which their losses decide which of its decoders is kept.
#ifndef GFE_VALIDATION_H
#define GFE_VALIDATION_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"
#include "ground/error.h"

// ---- the samples ----

// If a share of data.train is to be held out (training.validation): run->sets[SET_TRAIN], its view
// and its shape become those of the samples to learn from, and SET_VALIDATION those of the others.
// To be called once the training set is loaded and scaled, before anything is fitted to it. If none
// or all of the samples would be held out, that is the user's mistake. Collective.
void validation_hold_out(struct run *run, struct error *error);

// Returns the samples held out, if any, to the samples to learn from.
// Collective.
void validation_return(struct run *run);

// ---- the rule ----

// The decoders on the way are the start and those after some passes. The start is left only for one
// whose mean loss is at least 1 % lower, for mse its root: 1 % of the relative L2 error; of later
// ones the lowest counts. (Without the margin a few validation samples find a gain by chance, and a
// start at POD ends above POD.)
struct validation_choice {
  int64_t kept;             // passes after which the decoder was that of `kept_loss`
  int64_t waited;           // validations since the loss was lowest
  double start, kept_loss;  // losses of the initial decoder and of the one to keep
  double lowest, latest;    // of all validations so far, and of the latest
  double margin;            // share of the start's loss by which another one must be lower
};

// Enters the loss of the initial decoder.
struct validation_choice validation_begin(enum loss_kind kind, double loss);

// Enters the loss after `passes` passes; true if that decoder is now the one to keep. A loss that
// is not finite is never a gain.
bool validation_judge(struct validation_choice *choice, int64_t passes, double loss);

// Whether a training of `epochs` passes is validated after `passes` of them: after each one if
// there are up to 50; otherwise about 50 times, evenly spaced, and after the last.
bool validation_is_due(int64_t passes, int64_t epochs);

#endif
