#include "engine/history.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/error.h"
#include "ground/memory.h"

struct history {
  bool keeps_steps;  // else they are counted only
  FILE *csv;
  struct history_step *steps;
  struct history_epoch *epochs;
  int64_t step_count, step_room, epoch_count, epoch_room;
};

struct history *history_create(bool keeps_steps) {
  struct history *history = memory_new(struct history, 1);
  history->keeps_steps = keeps_steps;
  return history;
}

void history_destroy(struct history **history) {
  if (*history == NULL) return;
  if ((*history)->csv != NULL) fclose((*history)->csv);
  memory_free(&(*history)->steps);
  memory_free(&(*history)->epochs);
  memory_free(history);
}

// ---- the CSV file ----

static void write_line(struct history *h, int64_t i) {
  const struct history_step *step = &h->steps[i];
  fprintf(h->csv, "%lld,%lld,%lld,%.9g,%.6g,%.9g,%.3f\n", (long long)i + 1, (long long)step->epoch,
          (long long)step->samples, step->loss, step->evaluations, step->learning_rate,
          step->seconds);
}

static void flush(struct history *h) {
  if (fflush(h->csv) != 0 || ferror(h->csv))
    error_fatal("cannot write history.csv: %s", strerror(errno));
}

void history_open(struct history *h, const char *path) {
  assert(h->keeps_steps);
  h->csv = fopen(path, "w");
  if (h->csv == NULL) error_fatal("cannot write %s: %s", path, strerror(errno));
  fprintf(h->csv, "step,epoch,samples,loss,evaluations,learning_rate,seconds\n");
  for (int64_t i = 0; i < h->step_count; i++) write_line(h, i);
  error_remove_on_failure(path);
  flush(h);
  error_remove_on_failure(NULL);
}

// ---- records ----

// Makes room for `wanted` elements of `size` bytes; returns the block.
static void *grow(void *block, int64_t count, int64_t wanted, int64_t *room, size_t size) {
  if (wanted <= *room) return block;
  const int64_t twice = *room == 0 ? 256 : 2 * *room, more = wanted > twice ? wanted : twice;
  void *larger = memory_allocate((size_t)more, size);
  if (count > 0) memcpy(larger, block, (size_t)count * size);
  memory_release(block);
  *room = more;
  return larger;
}

void history_resize(struct history *h, int64_t steps, int64_t epochs) {
  if (h->keeps_steps)
    h->steps = grow(h->steps, h->step_count, steps, &h->step_room, sizeof *h->steps);
  h->epochs = grow(h->epochs, h->epoch_count, epochs, &h->epoch_room, sizeof *h->epochs);
  h->step_count = steps;
  h->epoch_count = epochs;
}

void history_add_step(struct history *h, struct history_step step) {
  history_resize(h, h->step_count + 1, h->epoch_count);
  if (!h->keeps_steps) return;
  h->steps[h->step_count - 1] = step;
  if (h->csv == NULL) return;
  write_line(h, h->step_count - 1);
  flush(h);
}

void history_add_epoch(struct history *h, struct history_epoch epoch) {
  history_resize(h, h->step_count, h->epoch_count + 1);
  h->epochs[h->epoch_count - 1] = epoch;
}

int64_t history_steps(const struct history *h) { return h->step_count; }

int64_t history_epochs(const struct history *h) { return h->epoch_count; }

const struct history_step *history_step(const struct history *h, int64_t i) {
  assert(h->keeps_steps && i >= 0 && i < h->step_count);
  return &h->steps[i];
}

const struct history_epoch *history_epoch(const struct history *h, int64_t i) {
  assert(i >= 0 && i < h->epoch_count);
  return &h->epochs[i];
}

// ---- columns ----

#define COLUMN(kind, type, field, unit, text) \
  { #kind "_" #field, unit, text, type, offsetof(struct history_##kind, field) }

static const struct history_column step_columns[] = {
    COLUMN(step, STATE_INT64, epoch, "1", "epoch of the step, from 1"),
    COLUMN(step, STATE_INT64, samples, "1", "training samples seen so far, repeats counted"),
    COLUMN(step, STATE_DOUBLE, loss, "1", "mean loss of the batch at the latents found"),
    COLUMN(step, STATE_DOUBLE, evaluations, "1", "gradient evaluations per sample"),
    COLUMN(step, STATE_DOUBLE, learning_rate, "1", "learning rate"),
    COLUMN(step, STATE_DOUBLE, seconds, "s", "wall time spent since training began"),
};

static const struct history_column epoch_columns[] = {
    COLUMN(epoch, STATE_INT64, samples, "1", "training samples seen so far, repeats counted"),
    COLUMN(epoch, STATE_DOUBLE, train_loss, "1", "mean of the training losses during the epoch"),
    COLUMN(epoch, STATE_DOUBLE, test_loss, "1", "mean loss of the test set after the epoch"),
    COLUMN(epoch, STATE_DOUBLE, test_loss_encoder, "1",
           "the same at the latents of an autoencoder's own encoder; NaN without one"),
    COLUMN(epoch, STATE_DOUBLE, validation_loss, "1",
           "mean loss of the validation set after the epoch; NaN where it was not encoded"),
    COLUMN(epoch, STATE_DOUBLE, evaluations_mean, "1",
           "gradient evaluations per training flow, mean"),
    COLUMN(epoch, STATE_INT64, evaluations_p50, "1", "the same, median"),
    COLUMN(epoch, STATE_INT64, evaluations_p99, "1", "the same, 99th percentile"),
    COLUMN(epoch, STATE_INT64, evaluations_max, "1", "the same, largest"),
    COLUMN(epoch, STATE_INT64, not_converged, "1",
           "training flows that neither converged nor reached tau"),
    COLUMN(epoch, STATE_DOUBLE, imbalance, "1",
           "the ranks' times in training flows, the longest over the mean"),
    COLUMN(epoch, STATE_DOUBLE, seconds, "s", "wall time spent since training began"),
    COLUMN(epoch, STATE_DOUBLE, cpu_seconds, "s", "CPU time of all ranks since training began"),
};

struct history_series history_series(const struct history *h, int which) {
  return which == 0
             ? (struct history_series){"step",
                                       step_columns,
                                       sizeof step_columns / sizeof *step_columns,
                                       sizeof *h->steps,
                                       h->step_count,
                                       h->steps}
             : (struct history_series){
                   "epoch",           epoch_columns,  sizeof epoch_columns / sizeof *epoch_columns,
                   sizeof *h->epochs, h->epoch_count, h->epochs};
}

void history_state(struct history *h, int rank, struct state *state) {
  for (int s = 0; s < HISTORY_SERIES; s++) {
    const struct history_series series = history_series(h, s);
    for (size_t c = 0; c < series.column_count; c++) {
      const struct history_column *column = &series.columns[c];
      state_add(state,
                (struct state_field){
                    .group = "history",
                    .name = column->name,
                    .text = column->text,
                    .unit = column->unit,
                    .dimension = series.dimension,
                    .type = column->type,
                    .data = series.records == NULL ? NULL : (char *)series.records + column->offset,
                    .shared = true,
                    .total = series.count,
                    .count = rank == 0 ? series.count : 0,
                    .width = 1,
                    .stride = series.record_size});
    }
  }
}
