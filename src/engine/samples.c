#include "engine/samples.h"

#include <assert.h>

int64_t samples_position(const struct samples *samples, int64_t i) {
  assert(i >= 0 && i < samples->count);
  return samples->position == NULL ? samples->position_first + i : samples->position[i];
}

struct objective_row samples_row(const struct samples *samples, size_t n, int64_t i) {
  assert(i >= 0 && i < samples->count);
  const size_t at = (size_t)i * real_padded(n);
  return (struct objective_row){.y = samples->y + at,
                                .w = samples->w == NULL ? NULL : samples->w + at,
                                .weight_sum = samples->weight_sum[i]};
}

double samples_alpha(const struct samples *samples, const struct solver_options *options,
                     int64_t i) {
  assert(i >= 0 && i < samples->count);
  return options->alpha * (options->time == TIME_SUM ? samples->weight_sum[i] : 1.0);
}
