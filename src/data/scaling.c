#include "data/scaling.h"

#include <assert.h>
#include <math.h>

#include "ground/memory.h"

struct scaling *scaling_create(size_t n, size_t count) {
  assert(count > 0 && n % count == 0);
  struct scaling *scaling = memory_new(struct scaling, 1);
  scaling->n = n;
  scaling->count = count;
  scaling->offset = memory_new(double, count);
  scaling->scale = memory_new(double, count);
  for (size_t k = 0; k < count; k++) scaling->scale[k] = 1.0;
  return scaling;
}

void scaling_destroy(struct scaling **scaling) {
  if (*scaling == NULL) return;
  memory_free(&(*scaling)->offset);
  memory_free(&(*scaling)->scale);
  memory_free(scaling);
}

struct scaling *scaling_broadcast(struct comm *comm, struct scaling *scaling) {
  size_t sizes[2] = {0, 0};
  if (scaling != NULL) sizes[0] = scaling->n, sizes[1] = scaling->count;
  comm_broadcast(comm, sizes, sizeof sizes, 0);
  if (sizes[1] == 0) return NULL;
  if (comm_rank(comm) != 0) {
    scaling_destroy(&scaling);
    scaling = scaling_create(sizes[0], sizes[1]);
  }
  comm_broadcast(comm, scaling->offset, sizes[1] * sizeof(double), 0);
  comm_broadcast(comm, scaling->scale, sizes[1] * sizeof(double), 0);
  return scaling;
}

size_t scaling_place(const struct scaling *scaling, size_t entry) {
  return entry / (scaling->n / scaling->count);
}

double scaling_apply(const struct scaling *scaling, size_t entry, double raw) {
  const size_t k = scaling_place(scaling, entry);
  return (raw - scaling->offset[k]) / scaling->scale[k];
}

double scaling_undo(const struct scaling *scaling, size_t entry, double y) {
  const size_t k = scaling_place(scaling, entry);
  return y * scaling->scale[k] + scaling->offset[k];
}

bool scaling_is_sound(const struct scaling *scaling) {
  for (size_t k = 0; k < scaling->count; k++)
    if (!isfinite(scaling->offset[k]) || !isfinite(scaling->scale[k]) || scaling->scale[k] == 0)
      return false;
  return true;
}
