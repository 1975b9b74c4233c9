// What both ways of encoding want to know of a sample.
#include "engine/ensemble_internal.h"

int64_t samples_position(const struct samples *samples, int64_t i) {
  return samples->position == NULL ? samples->position_first + i : samples->position[i];
}

struct objective_row samples_row(const struct ensemble *e, const struct samples *samples,
                                 int64_t i) {
  const size_t at = (size_t)i * real_padded(e->decoder->n);
  return (struct objective_row){.y = samples->y + at,
                                .w = samples->w == NULL ? NULL : samples->w + at,
                                .weight_sum = samples->weight_sum[i]};
}

double samples_alpha(const struct ensemble *e, const struct samples *samples, int64_t i) {
  return e->options.alpha * (e->options.time == TIME_SUM ? samples->weight_sum[i] : 1.0);
}
