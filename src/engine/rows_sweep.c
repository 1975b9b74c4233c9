#include "engine/rows_sweep.h"

#include <assert.h>

#include "ground/memory.h"

struct rows_sweep *rows_sweep_create(size_t room) {
  struct rows_sweep *sweep = memory_new(struct rows_sweep, 1);
  sweep->room = room;
  sweep->row = memory_new(struct objective_row, room);
  sweep->occupant = memory_new(int64_t, room);
  sweep->loss = memory_new(double, room);
  return sweep;
}

void rows_sweep_destroy(struct rows_sweep **sweep) {
  if (*sweep == NULL) return;
  memory_free(&(*sweep)->row);
  memory_free(&(*sweep)->occupant);
  memory_free(&(*sweep)->loss);
  memory_free(sweep);
}

void rows_sweep_begin(struct rows_sweep *sweep, const struct samples *samples, size_t n,
                      int64_t first, int64_t end, rows_sweep_wants *wants, const void *context) {
  assert(first >= 0 && first <= end && end <= samples->count);
  sweep->samples = samples;
  sweep->n = n;
  sweep->next = first;
  sweep->end = end;
  sweep->wants = wants;
  sweep->context = context;
}

bool rows_sweep_next(struct rows_sweep *sweep) {
  sweep->rows = 0;
  for (; sweep->next < sweep->end && sweep->rows < sweep->room; sweep->next++) {
    const int64_t i = sweep->next;
    if (sweep->wants != NULL && !sweep->wants(sweep->context, i)) continue;
    sweep->row[sweep->rows] = samples_row(sweep->samples, sweep->n, i);
    sweep->occupant[sweep->rows++] = i;
  }
  return sweep->rows > 0;
}
