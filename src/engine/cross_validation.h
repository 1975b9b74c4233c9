// Cross-validation: the losses of all samples that are held out, fold after fold, after the same
// numbers of passes; and how many passes are best for the mean of all (Stone 1974).
#ifndef GFE_CROSS_VALIDATION_H
#define GFE_CROSS_VALIDATION_H

#include <stdint.h>

#include "data/dataset.h"
#include "engine/validation.h"
#include "ground/state.h"
#include "platform/comm.h"

struct cross_validation {
  int64_t epochs;   // of the training of each fold
  int64_t samples;  // at most, in all folds
  int64_t before;   // samples of the folds that have ended
  int64_t *group;   // [samples], owned
  double *loss;     // [validation_count(epochs)][samples], the same on all ranks; owned
};

// For folds of a set of `samples`. Owned by the caller.
struct cross_validation *cross_validation_create(int64_t samples, int64_t epochs);
void cross_validation_destroy(struct cross_validation **cross);

// Enters the losses [held->local_count] of the samples held out in the present fold, after
// `passes` passes. Collective.
void cross_validation_add(struct cross_validation *cross, struct comm *comm,
                          const struct dataset *held, int64_t passes, const double *loss);

// The fold, of `count` samples, has ended.
void cross_validation_next(struct cross_validation *cross, int64_t count);

// The passes of the lowest mean loss of all samples held out. The start is kept unless this loss is
// lower by the usual 1 % (validation.h) and the gain is typical: the mean over groups of their
// relative gains is above twice its standard error.
struct validation_choice cross_validation_choose(const struct cross_validation *cross,
                                                 enum loss_kind kind);

void cross_validation_state(struct cross_validation *cross, struct state *state);

double cross_validation_bytes(int64_t samples, int64_t epochs);

#endif
