// A synthetic set: points on the unit circle, which one latent number describes.
#include "data/reader.h"
#include "ground/rng.h"
#include "numerics/portable.h"

static bool open_circle(struct source *source, struct error *error) {
  (void)error;
  source->axes = 2;
  source->shape[0] = INT64_MAX;
  source->shape[1] = 2;
  return true;
}

static void read_points(struct comm *comm, const struct source *source,
                        const struct source_rows *rows, enum element element, void *values,
                        struct error *error) {
  (void)comm, (void)element, (void)error;
  const double full_turn = 6.283185307179586;
  double *point = values;
  for (int64_t i = 0; i < rows->count; i++, point += 2) {
    const double angle =
        full_turn * rng_uniform(source->seed, RNG_CIRCLE, (uint64_t)rows->index[i], 0);
    point[0] = portable_cos(angle);
    point[1] = portable_sin(angle);
  }
}

const struct reader reader_circle = {
    .name = "circle",
    .generator = GENERATE_CIRCLE,
    .open = open_circle,
    .read = read_points,
};
