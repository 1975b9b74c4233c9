// The files of a run: results.h5, used_parameters.yaml, summary.json.
#ifndef GFE_OUTPUT_H
#define GFE_OUTPUT_H

#include <stdbool.h>

#include "engine/evaluation.h"
#include "engine/gradient_check.h"
#include "engine/history.h"
#include "engine/run.h"
#include "engine/trainer.h"
#include "engine/validation.h"
#include "platform/h5.h"

// The results of the tasks; members of tasks that were not run are NULL.
struct outcome {
  struct evaluation *evaluations[SET_COUNT];
  struct evaluation *as_new;  // of the training set, in addition to the trained latents
  struct history *history;
  struct gradient_check *check;
  const struct validation_choice *choice;  // borrowed
  struct trainer_cost cost;                // of a training that has ended; else NaN or 0
};

// The ratio of the loss of the training samples, encoded as if they were new (never from their own
// latents), to that of their trained latents; NaN if either is unknown.
double outcome_as_new(const struct outcome *outcome);

// Removes files left incomplete by killed jobs and writes used_parameters.yaml. Collective.
void output_begin(const struct run *run);

// Attributes of a file being created by rank 0 that record its origin.
void output_provenance(const struct run *run, struct h5_file *file, const char *command);

// The type used in a file for an array of a state (enum state_type).
enum h5_type output_type(enum state_type type);

// Writes results.h5: the evaluated sets, history, decoder, gradient check and provenance. An
// existing file is replaced only when the new one is complete. Collective.
void output_results(struct run *run, const struct outcome *outcome, const char *command);

// Whether results.h5 can be opened. By one rank.
bool output_opens(const struct run *run);

// Writes summary.json; exit_reason "done" says that the run is finished. Collective.
void output_summary(const struct run *run, const struct outcome *outcome, double seconds,
                    const char *exit_reason);

#endif
