#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

struct history {
  FILE *csv;
  struct history_step *steps;
  struct history_epoch *epochs;
  int64_t step_count, step_room, epoch_count, epoch_room;
};

struct history *history_create(const char *path) {
  struct history *h = memory_new(struct history, 1);
  if (path == NULL) return h;
  h->csv = fopen(path, "w");
  if (h->csv == NULL) error_fatal("cannot write %s: %s", path, strerror(errno));
  fprintf(h->csv, "step,epoch,samples,loss,evaluations,learning_rate,seconds\n");
  return h;
}

void history_destroy(struct history **history) {
  if (*history == NULL) return;
  if ((*history)->csv != NULL) fclose((*history)->csv);
  memory_free(&(*history)->steps);
  memory_free(&(*history)->epochs);
  memory_free(history);
}

// Makes room for one more element of `size` bytes; returns the block.
static void *grow(void *block, int64_t count, int64_t *room, size_t size) {
  if (count < *room) return block;
  const int64_t more = *room == 0 ? 256 : 2 * *room;
  void *larger = memory_allocate((size_t)more, size);
  if (count > 0) memcpy(larger, block, (size_t)count * size);
  memory_release(block);
  *room = more;
  return larger;
}

void history_add_step(struct history *h, struct history_step step, double seconds) {
  h->steps = grow(h->steps, h->step_count, &h->step_room, sizeof *h->steps);
  h->steps[h->step_count++] = step;
  if (h->csv == NULL) return;
  fprintf(h->csv, "%lld,%lld,%lld,%.9g,%.6g,%.9g,%.3f\n", (long long)h->step_count,
          (long long)step.epoch, (long long)step.samples, step.loss, step.evaluations,
          step.learning_rate, seconds);
  if (fflush(h->csv) != 0) error_fatal("cannot write history.csv: %s", strerror(errno));
}

void history_add_epoch(struct history *h, struct history_epoch epoch) {
  h->epochs = grow(h->epochs, h->epoch_count, &h->epoch_room, sizeof *h->epochs);
  h->epochs[h->epoch_count++] = epoch;
}

int64_t history_steps(const struct history *h) { return h->step_count; }

int64_t history_epochs(const struct history *h) { return h->epoch_count; }

const struct history_step *history_step(const struct history *h, int64_t i) { return &h->steps[i]; }

const struct history_epoch *history_epoch(const struct history *h, int64_t i) {
  return &h->epochs[i];
}
