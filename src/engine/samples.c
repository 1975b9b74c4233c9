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

void samples_objective(const struct samples *samples, const struct decoder *decoder, size_t rows,
                       const real *z, double *values) {
  const size_t stride = real_padded(decoder->d), room = rows;
  struct objective *objective = objective_create(decoder, room, false);
  struct objective_row *row = memory_new(struct objective_row, room);
  for (int64_t first = 0; first < samples->count; first += (int64_t)room) {
    const int64_t left = samples->count - first;
    const size_t count = left < (int64_t)room ? (size_t)left : room;
    for (size_t k = 0; k < count; k++)
      row[k] = samples_row(samples, decoder->n, first + (int64_t)k);
    memcpy(objective_latents(objective), z + (size_t)first * stride, count * stride * sizeof *z);
    objective_losses(objective, count, row, values + first);
  }
  objective_destroy(&objective);
  memory_free(&row);
}

double samples_alpha(const struct samples *samples, const struct solver_options *options,
                     int64_t i) {
  assert(i >= 0 && i < samples->count);
  return options->alpha * (options->time == TIME_SUM ? samples->weight_sum[i] : 1.0);
}
