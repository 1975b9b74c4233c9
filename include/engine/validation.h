// How training is judged while it runs: by samples that are not used for training, and by the rule
// that decides from their losses which of its decoders is kept.
#ifndef GFE_VALIDATION_H
#define GFE_VALIDATION_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"
#include "ground/error.h"

// ---- the samples ----

// If a share of data.train is to be held out (training.validation): run->sets[SET_TRAIN], its view
// and its shape become those of the samples to train on, and SET_VALIDATION those of the others.
// To be called once the training set is loaded and scaled, before anything is fitted to it. If none
// or all of the samples would be held out, that is the user's mistake. Collective.
void validation_hold_out(struct run *run, struct error *error);

// Holds out another share (training.folds) instead of the present one; the checksum remains that of
// the first. Collective.
void validation_next_fold(struct run *run, int64_t fold);

// Returns the samples held out, if any, to the samples to train on. Collective.
void validation_return(struct run *run);

// ---- the rule ----

// The candidates are the initial decoder and those after some passes. The initial one is given up
// only for one whose mean loss (for mse, its square root, as in the relative L2 error) is at least
// 1 % lower; among later ones the lowest loss decides. At the end, the gain of the decoder chosen
// must also be significant (cross_validation.h). Without these two conditions, a few samples might
// show a gain by chance, and training that starts from POD could end up worse than POD.
struct validation_choice {
  int64_t kept;             // passes after which the decoder was that of `kept_loss`
  int64_t waited;           // validations since the loss was lowest
  double start, kept_loss;  // losses of the initial decoder and of the one to keep
  double lowest, latest;    // of all validations so far, and of the latest
  double margin;            // fraction of `start` by which a loss must be lower
};

// Enters the loss of the initial decoder.
struct validation_choice validation_begin(enum loss_kind kind, double loss);

// Enters the loss after `passes` passes; true if that decoder is now the one to keep. A loss that
// is not finite is never a gain.
bool validation_judge(struct validation_choice *choice, int64_t passes, double loss);

// Whether a training run of `epochs` passes is validated after `passes` of them: after each one if
// there are up to 50; otherwise 26 to 50 times, evenly spaced, the last pass included.
bool validation_is_due(int64_t passes, int64_t epochs);

// The validations of such a run, that of the start included; the number of the one after
// `passes` passes, and the passes before number `k`.
int64_t validation_count(int64_t epochs);
int64_t validation_number(int64_t passes, int64_t epochs);
int64_t validation_passes(int64_t number, int64_t epochs);

#endif
