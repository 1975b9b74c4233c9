// What happened during training: a series per step, kept on rank 0 and, step by step, in
// history.csv, and one per epoch, kept on all ranks.
#ifndef GFE_HISTORY_H
#define GFE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "ground/state.h"

struct history_step {
  int64_t epoch, samples;  // epoch from 1; samples seen so far
  double loss;             // mean over the batch, at the latents found
  double evaluations;      // gradient evaluations per sample, mean over the batch
  double learning_rate;
  double seconds;  // since the beginning of training, excluding restarts
};

struct history_epoch {
  int64_t samples;               // seen so far
  double train_loss, test_loss;  // test_loss NaN where it was not evaluated
  double test_loss_encoder;      // of an autoencoder's own encoding, else NaN
  double validation_loss;        // NaN where it was not evaluated
  double evaluations_mean;       // gradient evaluations per sample and encoding
  int64_t evaluations_p50, evaluations_p99, evaluations_max;
  int64_t not_converged;  // encodings that neither converged nor reached tau
  double imbalance;       // of the ranks' times in flows, the longest over the mean
  double seconds;         // as for a step
  double cpu_seconds;     // CPU seconds of all ranks, likewise
};

struct history;  // owned by the caller of history_create()

// `keeps_steps`: for rank 0; the others only count them.
struct history *history_create(bool keeps_steps);
void history_destroy(struct history **history);

// Begins the CSV file `path` with the steps so far; every later step is appended at once. For a
// history that keeps its steps.
void history_open(struct history *history, const char *path);

void history_add_step(struct history *history, struct history_step step);
void history_add_epoch(struct history *history, struct history_epoch epoch);

int64_t history_steps(const struct history *history);
int64_t history_epochs(const struct history *history);
const struct history_step *history_step(const struct history *history, int64_t i);
const struct history_epoch *history_epoch(const struct history *history, int64_t i);

// One member of the records of a series; each has 8 bytes.
struct history_column {
  const char *name, *unit, *text;
  enum state_type type;  // STATE_INT64 or STATE_DOUBLE
  size_t offset;
};

// The steps or the epochs as columns.
struct history_series {
  const char *dimension;  // "step", "epoch"
  const struct history_column *columns;
  size_t column_count, record_size;
  int64_t count;
  void *records;
};
enum { HISTORY_SERIES = 2 };
struct history_series history_series(const struct history *history, int which);

// Makes room for the given numbers of steps and epochs, which history_state() will read.
void history_resize(struct history *history, int64_t steps, int64_t epochs);

// Adds all columns to a state, taken from rank 0 (`rank` is the caller's), since times differ
// elsewhere.
void history_state(struct history *history, int rank, struct state *state);

#endif
