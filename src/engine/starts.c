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
  starts->loss = memory_new(double, (size_t)count *tries);
  memset(starts->kind, START_NONE, (size_t)count * tries);
  for (size_t k = 0; k < (size_t)count * tries; k++) starts->loss[k] = NAN;
  return starts;
}

void starts_destroy(struct starts **starts) {
  if (*starts == NULL) return;
  memory_free(&(*starts)->kind);
  memory_free(&(*starts)->z);
  memory_free(&(*starts)->metric);
  memory_free(&(*starts)->loss);
  memory_free(&(*starts)->guess);
  memory_free(&(*starts)->guessed);
  memory_free(starts);
}

const real *starts_latent(const struct starts *starts, size_t d, int64_t i, size_t t) {
  const size_t k = (size_t)i * starts->tries + t;
  if (t >= starts->tries || starts->kind[k] == START_NONE) return NULL;
  return starts->z + k * real_padded(d);
}

const real *starts_guess(const struct starts *starts, size_t d, int64_t i, size_t t) {
  const size_t k = (size_t)i * starts->tries + t;
  if (t >= starts->tries || starts->guess == NULL || !starts->guessed[k]) return NULL;
  return starts->guess + k * real_padded(d);
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

void starts_cut(struct starts *starts, int64_t count, double factor) {
  for (int64_t i = 0; i < count; i++) {
    const size_t first = (size_t)i * starts->tries;
    bool cut = false;
    for (size_t k = first + 1; k < first + starts->tries; k++) {
      cut = cut || starts->loss[k] > factor * starts->loss[first];
      if (cut) starts->kind[k] = START_NONE;
    }
  }
}

size_t starts_bytes(size_t tries, size_t d) {
  const size_t latent = real_padded(d) * sizeof(real);
  return tries * (sizeof(int8_t) + sizeof(real *) + sizeof(double) + sizeof(bool) + 2 * latent);
}
