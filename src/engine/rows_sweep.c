#include "engine/rows_sweep.h"

#include <assert.h>

#include "ground/memory.h"

struct rows_sweep *rows_sweep_create(const struct placement_rule *rule) {
  struct rows_sweep *sweep = memory_new(struct rows_sweep, 1);
  sweep->rule = *rule;
  sweep->placement = placement_create(&sweep->rule);
  sweep->row = memory_new(struct objective_row, rule->most);
  sweep->occupant = memory_new(int64_t, rule->most);
  sweep->loss = memory_new(double, rule->most);
  return sweep;
}

void rows_sweep_destroy(struct rows_sweep **sweep) {
  if (*sweep == NULL) return;
  placement_destroy(&(*sweep)->placement);
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
  placement_begin(sweep->placement);
  for (size_t row = 0; row < sweep->rule.most; row++) {
    sweep->row[row] = (struct objective_row){.y = NULL};
    sweep->occupant[row] = -1;
  }
  for (size_t row; sweep->next < sweep->end; sweep->next++) {
    const int64_t i = sweep->next;
    if (sweep->wants != NULL && !sweep->wants(sweep->context, i)) continue;
    if (!placement_take(sweep->placement, samples_position(sweep->samples, i), &row)) break;
    assert(sweep->occupant[row] < 0);
    sweep->row[row] = samples_row(sweep->samples, sweep->n, i);
    sweep->occupant[row] = i;
  }
  sweep->rows = placement_rows(sweep->placement);
  return sweep->rows > 0;
}
