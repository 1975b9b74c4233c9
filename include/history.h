// What happened during training: a series per step and one per epoch, kept on rank 0 and, step by
// step, in history.csv.
#ifndef GFE_HISTORY_H
#define GFE_HISTORY_H

#include <stdint.h>

struct history_step {
  int64_t epoch, samples;  // epoch from 1; samples seen so far
  double loss;             // mean over the batch, at the latents found
  double evaluations;      // gradient evaluations per sample, mean over the batch
  double learning_rate;
};

struct history_epoch {
  int64_t samples;               // seen so far
  double train_loss, test_loss;  // test_loss NaN where it was not evaluated
  double evaluations_mean;       // gradient evaluations per sample and encoding
  int64_t evaluations_p50, evaluations_p99, evaluations_max;
  int64_t not_converged;  // encodings that ended by underflow or as non-finite
  double seconds;         // since the beginning of training
};

struct history;  // owned by the caller of history_create()

// `path` of the CSV file, or NULL for none (all ranks but 0).
struct history *history_create(const char *path);
void history_destroy(struct history **history);

void history_add_step(struct history *history, struct history_step step, double seconds);
void history_add_epoch(struct history *history, struct history_epoch epoch);

int64_t history_steps(const struct history *history);
int64_t history_epochs(const struct history *history);
const struct history_step *history_step(const struct history *history, int64_t i);
const struct history_epoch *history_epoch(const struct history *history, int64_t i);

#endif
