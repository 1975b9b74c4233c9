// What the files of the trainer share: its state, and the time it has taken.
#ifndef GFE_TRAINER_INTERNAL_H
#define GFE_TRAINER_INTERNAL_H

#include "data/copies.h"
#include "engine/cross_validation.h"
#include "engine/evaluation.h"
#include "engine/model.h"
#include "engine/plan.h"
#include "engine/sample_order.h"
#include "engine/second_flow.h"
#include "engine/shard.h"
#include "engine/tally.h"
#include "engine/trainer.h"
#include "engine/update.h"
#include "engine/validation.h"

struct trainer {
  struct run *run;
  struct history *history;
  const struct dataset *data;
  struct copies *copies;  // of the samples, to train on; NULL: the samples themselves are used
  struct model *model;
  real *latents;         // [local_count][real_padded(d)] starts of the next epoch's flows
  int64_t *evaluations;  // [local_count] costs of the last epoch's flows, to balance the next
  struct second_flow *second;
  struct update *update;
  struct sample_order *order;  // of the present epoch; NULL until a batch is wanted
  int64_t batches;             // per epoch
  struct plan plan;
  struct trainer_counts {
    int64_t uses, epoch_uses;  // samples in all updates so far, and in those of this epoch
    int64_t evaluations;       // of flows, including a first training's; < 0: not known
  } counts;
  struct trainer_position at;
  int64_t fold;                     // of training.folds; the last one once all are done
  struct cross_validation *cross;   // while trainer_chooses(); else NULL
  struct evaluation *test;          // while at.testing, and after the last epoch; else NULL
  struct evaluation *validation;    // while at.validating is VALIDATING; else NULL
  struct validation_choice choice;  // once the start has been validated
  real *start;                      // [decoder->count] the initial parameters, for a refit and for
                                    // when no gain is significant
  real *kept_latents;               // the latents that belong to `kept`; NULL like it
  real *kept;                       // [decoder->count] parameters to keep, until the folds have
                                    // ended; NULL if those at their end are
  double spent, begun;              // seconds until the last checkpoint or restart; the clock then
  double cpu_spent, cpu_begun;      // the same in CPU time, of all ranks and of this one
  // Of the epoch so far:
  struct tally tally;   // flows: of this rank, or on rank 0 those of all before it was saved
  double loss_sum;      // sum of losses
  double flow_seconds;  // this rank's time in flows
};

// Seconds of training so far, including those before restarts.
double trainer_elapsed(const struct trainer *t);

// CPU seconds of training so far on all ranks, including those before restarts. Collective.
double trainer_cpu_elapsed(const struct trainer *t);

// ---- where training stands ----

// Whether the present training run validates; the refit does not.
bool trainer_validates(const struct trainer *t);

// Whether the present training run decides, by validation, which decoder is kept.
bool trainer_chooses(const struct trainer *t);

// Whether several shares are held out one after the other, each in a training run of its own.
bool trainer_has_folds(const struct trainer *t);

// Passes over the training samples so far, including those of earlier training runs; and after how
// many the present run ends at the latest.
int64_t trainer_passes(const struct trainer *t);
int64_t trainer_passes_planned(const struct trainer *t);

// Training samples seen before the present epoch.
int64_t trainer_samples_seen(const struct trainer *t);

// Lets the run know where the loss of the held-out samples is: that of the last decoder validated,
// or of the one that was `chosen`.
void trainer_tell_held_out(struct trainer *t, bool chosen);

// ---- one training run after another: the folds, then the refit. All are collective. ----

// Sets up whatever depends on which samples are used for training, and releases it.
void trainer_begin_phase(struct trainer *t);
void trainer_end_phase(struct trainer *t);

// Remembers the start, for another training run, and as the decoder to keep so far.
void trainer_keep_start(struct trainer *t);

// Gives up the decoder to keep for the start unless its gain is significant (cross_validation.h).
// To be called once, at the end of the only fold.
void trainer_confirm_kept(struct trainer *t);

// Marks the present decoder and its latents as those to keep; replaces them by those kept; forgets
// those kept, so that the present ones remain.
void trainer_keep_present(struct trainer *t);
void trainer_restore_kept(struct trainer *t);
void trainer_forget_kept(struct trainer *t);

// Begins training on the samples outside a fold, or on all samples, from the start.
void trainer_begin_fold(struct trainer *t, int64_t fold);
void trainer_begin_refit(struct trainer *t);

// To be called at the end of a training run other than the refit: begins the next fold; after the
// last one, the decoder is the one to keep, and the refit begins if requested.
void trainer_end_first(struct trainer *t);

#endif
