#include "flow/trajectory.h"

#include <assert.h>
#include <string.h>

#include "ground/memory.h"

struct trajectory *trajectory_create(void) {
  return memory_new(struct trajectory, 1);
}

static void release(struct trajectory *t) {
  memory_free(&t->steps);
  memory_free(&t->points);
  memory_free(&t->slopes);
  memory_free(&t->end);
  t->room = 0;
}

void trajectory_destroy(struct trajectory **trajectory) {
  if (*trajectory == NULL) return;
  release(*trajectory);
  memory_free(trajectory);
}

void trajectory_begin(struct trajectory *t, size_t d, int stages, int64_t limit) {
  t->limit = limit;
  if (t->stride != real_padded(d) || t->stages != stages) release(t);
  t->stride = real_padded(d);
  t->stages = stages;
  t->count = 0;
}

static void *enlarged(void *block, size_t bytes, size_t old_bytes) {
  void *larger = memory_new(char, bytes);
  if (old_bytes > 0) memcpy(larger, block, old_bytes);
  memory_release(block);
  return larger;
}

static void make_room(struct trajectory *t) {
  if (t->count < t->room) return;
  const size_t old = (size_t)t->room, most = (size_t)t->limit;
  const size_t wanted = old == 0 ? 8 : 2 * old, room = wanted < most ? wanted : most;
  const size_t point = (size_t)t->stages * t->stride * sizeof(real);
  const size_t slope = 2 * t->stride * sizeof(real);
  t->steps = enlarged(t->steps, room * sizeof *t->steps, old * sizeof *t->steps);
  t->points = enlarged(t->points, room * point, old * point);
  t->slopes = enlarged(t->slopes, room * slope, old * slope);
  if (t->end == NULL) t->end = memory_new(real, t->stride);
  t->room = (int64_t)room;
}

void trajectory_append(struct trajectory *t, struct trajectory_step step, const real *points,
                       const real *slope, const real *end) {
  assert(t->stride > 0 && t->count < t->limit && step.h >= 0.0);
  make_room(t);
  const size_t k = (size_t)t->count++, stages = (size_t)t->stages;
  t->steps[k] = step;
  memcpy(t->points + k * stages * t->stride, points, stages * t->stride * sizeof(real));
  memcpy(t->slopes + 2 * k * t->stride, slope, t->stride * sizeof(real));
  memcpy(t->end, end, t->stride * sizeof(real));
}

void trajectory_complete(struct trajectory *t, const real *slope) {
  if (t->count == 0) return;
  memcpy(t->slopes + (2 * (size_t)t->count - 1) * t->stride, slope, t->stride * sizeof(real));
}

size_t trajectory_bytes(size_t d, int stages, int64_t steps) {
  return (size_t)steps * (((size_t)stages + 2) * real_padded(d) * sizeof(real) +
                          sizeof(struct trajectory_step)) +
         real_padded(d) * sizeof(real);
}
