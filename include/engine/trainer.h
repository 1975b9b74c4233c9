// Training: batches of flows, the parameter gradient at their ends, the optimiser's step. It
// advances in slices, so that the run can be saved or stopped between two steps. Training with
// validation ends with the decoder to keep; with training.refit it then starts again from the
// initial decoder, with all samples, and ends after as many passes as had led to the decoder kept.
#ifndef GFE_TRAINER_H
#define GFE_TRAINER_H

#include <stdbool.h>

#include "engine/batch_gradient.h"
#include "engine/evaluation.h"
#include "engine/history.h"
#include "engine/run.h"
#include "engine/validation.h"
#include "ground/state.h"

// How far training has got; the same on all ranks.
struct trainer_position {
  int64_t epoch, batch;  // of the next batch, both from 0
  int64_t step;          // updates of the decoder so far
  int64_t testing;       // 1 while the test set is encoded at the end of an epoch
  int64_t validating;    // at the start or the end of an epoch: 1 while the validation set is
                         // encoded, 2 once it has been
  int64_t stopped;       // 1 once there has been no lower validation loss for too long
  int64_t kept;          // passes that led to the decoder to keep
  int64_t refit;         // 1 during the refit; the other numbers then refer to that alone
  int64_t passes_before, samples_before;  // then: those before it, of all folds
};

// The result of a piece of work. EPOCH and DONE: it completed an epoch, whose record is the last
// one in the history; with DONE, that was the last epoch.
enum trainer_progress { TRAINER_RUNNING, TRAINER_EPOCH, TRAINER_DONE, TRAINER_DIVERGED };

struct trainer;  // owned by the caller of trainer_create()

// Training of run->decoder as the input file says; fills `history` (borrowed).
struct trainer *trainer_create(struct run *run, struct history *history);
void trainer_destroy(struct trainer **trainer);

// To be called until training is done: advances by one batch, or by a part of the encoding of the
// validation or test set at the start or the end of an epoch. Diverged: the loss or the gradient is
// no longer finite, a message has been printed, and the decoder is the one before that step.
// Collective, with the same answer on all ranks. The ranks can exchange notices with it at no extra
// cost: notices[0 ... TRAINER_NOTICES - 1] are those of this rank, and become the maxima over all
// ranks.
enum { TRAINER_NOTICES = BATCH_NOTICES };
enum trainer_progress trainer_advance(struct trainer *trainer, int64_t notices[TRAINER_NOTICES]);

struct trainer_position trainer_position(const struct trainer *trainer);

// The share that is held out at present, from 0 (training.folds).
int64_t trainer_fold(const struct trainer *trainer);
bool trainer_is_done(const struct trainer *trainer);

// The outcome of the validations; NULL until the (first) training has ended, or if there were none.
// Borrowed.
const struct validation_choice *trainer_choice(const struct trainer *trainer);

// Whether each sample has a second flow in the present pass.
bool trainer_flows_twice(const struct trainer *trainer);

// The test set as encoded with the decoder at the end of the training; NULL if it was not. The
// caller becomes its owner.
struct evaluation *trainer_take_test(struct trainer *trainer);

// What the training has cost per training sample so far.
struct trainer_cost {
  double uses;         // updates that a sample has taken part in
  double evaluations;  // gradient evaluations of flows, or passes of an encoder, including those
                       // before a refit. NaN if the run was begun by an earlier version
};
struct trainer_cost trainer_cost(const struct trainer *trainer);

// To resume from a state: first set the position, then read the rest into what trainer_state()
// adds, and then adapt the plan if the number of epochs has changed.
void trainer_resume(struct trainer *trainer, struct trainer_position position, int64_t fold);
void trainer_settle(struct trainer *trainer);

// Adds everything that determines the rest of the training to a state. Collective.
void trainer_state(struct trainer *trainer, struct state *state);

#endif
