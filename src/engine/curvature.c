#include "engine/curvature.h"

#include <string.h>

#include "decoder/tangent.h"
#include "ground/memory.h"
#include "numerics/dense.h"

struct curvature {
  size_t d, most;  // columns at a time
  struct tangent *tangent;
  struct objective_row *rows;  // [most]
};

static size_t columns_at_once(const struct decoder *decoder, size_t rows) {
  const size_t most = rows / 2;
  return most < 1 ? 1 : most < decoder->d ? most : decoder->d;
}

struct curvature *curvature_create(const struct decoder *decoder, size_t rows) {
  struct curvature *c = memory_new(struct curvature, 1);
  *c = (struct curvature){.d = decoder->d, .most = columns_at_once(decoder, rows)};
  c->tangent = tangent_create(decoder, c->most, false);
  c->rows = memory_new(struct objective_row, c->most);
  return c;
}

void curvature_destroy(struct curvature **curvature) {
  if (*curvature == NULL) return;
  tangent_destroy(&(*curvature)->tangent);
  memory_free(&(*curvature)->rows);
  memory_free(curvature);
}

size_t curvature_bytes(const struct decoder *decoder, size_t rows) {
  return tangent_bytes(decoder, columns_at_once(decoder, rows), false);
}

void curvature_hessian(struct curvature *c, const struct objective_row *sample, const real *z,
                       real *hessian) {
  const size_t d = c->d, stride = real_padded(d);
  real *latents = tangent_latents(c->tangent), *directions = tangent_directions(c->tangent);
  for (size_t first = 0; first < d; first += c->most) {
    const size_t count = d - first < c->most ? d - first : c->most;
    memset(directions, 0, count * stride * sizeof *directions);
    for (size_t i = 0; i < count; i++) {
      c->rows[i] = *sample;
      memcpy(latents + i * stride, z, stride * sizeof *z);
      directions[i * stride + first + i] = 1;
    }
    memcpy(hessian + first * stride, tangent_sweep(c->tangent, count, c->rows),
           count * stride * sizeof *hessian);
  }
}

bool curvature_invert(size_t d, double *a, double ridge, real *metric) {
  double trace = 0.0, *inverse = memory_new(double, d *d);
  for (size_t i = 0; i < d; i++) trace += a[i * d + i];
  for (size_t i = 0; i < d; i++) {
    a[i * d + i] += ridge * trace / (double)d;
    inverse[i * d + i] = 1.0;
  }
  const bool good = dense_cholesky(d, a);
  if (good) dense_cholesky_solve(d, a, d, inverse);
  for (size_t i = 0; i < d && good; i++)
    for (size_t k = 0; k < d; k++) metric[i * real_padded(d) + k] = (real)inverse[i * d + k];
  memory_free(&inverse);
  return good;
}
