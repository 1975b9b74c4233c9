#include "engine/samples.h"

#include <assert.h>
#include <string.h>

#include "ground/memory.h"

int64_t samples_position(const struct samples *samples, int64_t i) {
  assert(i >= 0 && i < samples->count);
  return samples->position == NULL ? samples->position_first + i : samples->position[i];
}

struct objective_row samples_row(const struct samples *samples, size_t n, int64_t i) {
  assert(i >= 0 && i < samples->count);
  const size_t at = (size_t)i * real_padded(n);
  return (struct objective_row){.y = samples->y + at,
                                .w = samples->w == NULL ? NULL : samples->w + at,
                                .weight_sum = samples->weight_sum[i],
                                .prior = samples->prior};
}

void samples_losses(const struct samples *samples, const struct decoder *decoder, size_t rows,
                    int64_t wanted, const int64_t *chosen, const real *z, double *losses) {
  const size_t stride = real_padded(decoder->d);
  struct objective *objective = objective_create(decoder, rows, false);
  struct objective_row *row = memory_new(struct objective_row, rows);
  double *loss = memory_new(double, rows);
  for (int64_t first = 0; first < wanted; first += (int64_t)rows) {
    const int64_t left = wanted - first;
    const size_t count = left < (int64_t)rows ? (size_t)left : rows;
    for (size_t k = 0; k < count; k++) {
      const int64_t i = chosen == NULL ? first + (int64_t)k : chosen[first + (int64_t)k];
      row[k] = samples_row(samples, decoder->n, i);
      memcpy(objective_latents(objective) + k * stride, z + (size_t)i * stride, stride * sizeof *z);
    }
    objective_losses(objective, count, row, loss);
    for (size_t k = 0; k < count; k++)
      losses[chosen == NULL ? first + (int64_t)k : chosen[first + (int64_t)k]] = loss[k];
  }
  objective_destroy(&objective);
  memory_free(&row);
  memory_free(&loss);
}

double samples_alpha(const struct samples *samples, const struct solver_options *options,
                     int64_t i) {
  assert(i >= 0 && i < samples->count);
  return options->alpha * (options->time == TIME_SUM ? samples->weight_sum[i] : 1.0);
}
