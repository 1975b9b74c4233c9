#include "engine/observation.h"

#include "ground/memory.h"

enum { SHARE = 4 };  // an excerpt has at most one in SHARE outputs

// The outputs that any sample observes, in ascending order; returns their number, counting no
// further than `most` + 1.
static size_t find_observed(const struct samples *samples, size_t n, size_t most, size_t *outputs) {
  const size_t stride = real_padded(n);
  bool *seen = memory_new(bool, n);
  size_t count = 0;
  for (int64_t i = 0; i < samples->count && count <= most; i++)
    for (size_t k = 0; k < n; k++) {
      if (seen[k] || samples->w[(size_t)i * stride + k] == 0) continue;
      seen[k] = true;
      count++;
    }
  for (size_t k = 0, at = 0; k < n && count <= most; k++)
    if (seen[k]) outputs[at++] = k;
  memory_free(&seen);
  return count;
}

static real *gather(const struct decoder *excerpt, int64_t count, size_t stride, const real *rows) {
  const size_t width = real_padded(excerpt->n);
  real *to = memory_new(real, (size_t)count * width);
  for (int64_t i = 0; i < count; i++)
    for (size_t k = 0; k < excerpt->n; k++)
      to[(size_t)i * width + k] = rows[(size_t)i * stride + excerpt->outputs[k]];
  return to;
}

struct observation *observation_create(const struct decoder *decoder,
                                       const struct samples *samples) {
  const size_t n = decoder->n, most = n / SHARE;
  if (samples->w == NULL || samples->count == 0) return NULL;
  struct decoder *excerpt = NULL;
  size_t *outputs = memory_new(size_t, most + 1);
  const size_t count = find_observed(samples, n, most, outputs);
  if (count > 0 && count <= most) excerpt = decoder_excerpt(decoder, count, outputs);
  memory_free(&outputs);
  if (excerpt == NULL) return NULL;
  struct observation *observation = memory_new(struct observation, 1);
  observation->decoder = excerpt;
  observation->samples = *samples;
  observation->y = gather(excerpt, samples->count, real_padded(n), samples->y);
  observation->w = gather(excerpt, samples->count, real_padded(n), samples->w);
  observation->samples.y = observation->y;
  observation->samples.w = observation->w;
  return observation;
}

void observation_destroy(struct observation **observation) {
  if (*observation == NULL) return;
  decoder_destroy(&(*observation)->decoder);
  memory_free(&(*observation)->y);
  memory_free(&(*observation)->w);
  memory_free(observation);
}

double observation_bytes(const struct decoder *decoder, double count) {
  const size_t most = decoder->n / SHARE;
  if (most == 0) return 0.0;
  const double excerpt = decoder_excerpt_bytes(decoder, most);
  return excerpt == 0.0 ? 0.0 : excerpt + 2.0 * count * (double)(real_padded(most) * sizeof(real));
}
