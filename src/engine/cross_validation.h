// Cross-validation: the losses of all samples that are held out, in one fold or in several, one
// after the other; how many passes are best for the mean of all (Stone 1974); and whether the gain
// is significant or may be due to chance.
#ifndef GFE_CROSS_VALIDATION_H
#define GFE_CROSS_VALIDATION_H

#include <stdint.h>

#include "data/dataset.h"
#include "engine/validation.h"
#include "ground/state.h"
#include "platform/comm.h"

struct cross_validation {
  int64_t epochs;  // of the training of each fold
  int64_t folds;
  int64_t samples;  // at most, in all folds
  int64_t before;   // samples of the folds that have ended
  int64_t *group;   // [samples], owned
  // [rows][samples], the same on all ranks; owned. Rows: several folds, the validations of each;
  // one fold, the start and the decoder to keep.
  double *loss;
};

// For `samples` samples that are held out in all folds together. Owned by the caller.
struct cross_validation *cross_validation_create(int64_t samples, int64_t epochs, int64_t folds);
void cross_validation_destroy(struct cross_validation **cross);

// Enters the losses [held->local_count] of the samples held out in the present fold, after
// `passes` passes. With one fold, those of the start and of the decoder to keep are to be entered;
// later ones replace earlier ones. Collective.
void cross_validation_add(struct cross_validation *cross, struct comm *comm,
                          const struct dataset *held, int64_t passes, const double *loss);

// The fold, of `count` samples, has ended.
void cross_validation_next(struct cross_validation *cross, int64_t count);

// Several folds: the passes of the lowest mean loss of all samples held out, if it is lower than
// that of the start by the usual 1 % (validation.h), confirmed as below.
struct validation_choice cross_validation_choose(const struct cross_validation *cross,
                                                 enum loss_kind kind);

// Gives up the decoder to keep for the start, and returns false, unless its gain is significant:
// more than chance explains (one-sided, at the level of 2.5 %), either in the loss of all groups or
// in the mean of their relative gains.
bool cross_validation_confirm(const struct cross_validation *cross,
                              struct validation_choice *choice);

void cross_validation_state(struct cross_validation *cross, struct state *state);

double cross_validation_bytes(int64_t samples, int64_t epochs, int64_t folds);

#endif
