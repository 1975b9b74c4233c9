#include "engine/starts.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"

struct starts *starts_create(int64_t count, size_t tries, size_t d) {
  struct starts *starts = memory_new(struct starts, 1);
  *starts = (struct starts){.tries = tries, .enough = -INFINITY};
  starts->kind = memory_new(int8_t, (size_t)count * tries);
  starts->z = memory_new(real, (size_t)count * tries * real_padded(d));
  starts->metric = memory_new(const real *, (size_t)count *tries);
  memset(starts->kind, START_NONE, (size_t)count * tries);
  return starts;
}

void starts_destroy(struct starts **starts) {
  if (*starts == NULL) return;
  memory_free(&(*starts)->kind);
  memory_free(&(*starts)->z);
  memory_free(&(*starts)->metric);
  memory_free(starts);
}

const real *starts_latent(const struct starts *starts, size_t d, int64_t i, size_t t) {
  const size_t k = (size_t)i * starts->tries + t;
  if (t >= starts->tries || starts->kind[k] == START_NONE) return NULL;
  return starts->z + k * real_padded(d);
}

bool starts_near(const struct starts *starts, size_t d, const real *a, const real *b) {
  const double most = 0.01 * (double)d;
  double *u = memory_new(double, d), sum = 0.0;
  for (size_t i = 0; i < d && sum <= most; i++) {  // forward substitution
    u[i] = (double)a[i] - (double)b[i];
    for (size_t j = 0; j < i; j++) u[i] -= starts->factor[i * d + j] * u[j];
    u[i] /= starts->factor[i * d + i];
    sum += u[i] * u[i];
  }
  memory_free(&u);
  return sum <= most;
}

size_t starts_bytes(size_t tries, size_t d) {
  return tries * (sizeof(int8_t) + sizeof(real *) + real_padded(d) * sizeof(real));
}
