// Products of short vectors bound those of the long ones, closely where these lie near a space of
// few dimensions.
#include <math.h>

#include "engine/projection.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/dense.h"
#include "support/test.h"

enum { ROWS = 60, WIDTH = 203, TERMS = PROJECTION_TERMS };

// Rows in a space of `rank` dimensions, apart from `noise`.
static void fill(uint64_t stream, size_t rank, double noise, real *rows) {
  for (size_t k = 0; k < ROWS; k++)
    for (size_t i = 0; i < real_padded(WIDTH); i++) {
      double value = noise * (rng_uniform(stream, RNG_TEST, k, i) - 0.5);
      for (size_t r = 0; r < rank; r++)
        value += (rng_uniform(stream, RNG_TEST, k, 1000 + r) - 0.5) *
                 sin(0.1 * (double)(r + 1) * (double)i);
      rows[k * real_padded(WIDTH) + i] = i < WIDTH ? (real)value : 0;
    }
}

// Bounds from the directions of `x`; the greatest distance from the products, as a share of the
// lengths.
static double check_bounds(const real *x, const real *y, const char *what) {
  const size_t stride = real_padded(WIDTH);
  struct projection *projection = projection_create(WIDTH, ROWS, x);
  real *short_x = memory_new(real, ROWS * TERMS), *short_y = memory_new(real, ROWS * TERMS);
  projection_shorten(projection, ROWS, x, short_x);
  projection_shorten(projection, ROWS, y, short_y);
  double most = 0.0;
  for (size_t k = 0; k < ROWS; k++)
    for (size_t l = 0; l < ROWS; l++) {
      const real *a = x + k * stride, *b = y + l * stride;
      const double product = dense_dot_real(WIDTH, a, b);
      const double bound = dense_dot_real(TERMS, short_x + k * TERMS, short_y + l * TERMS);
      const double lengths = sqrt(dense_dot_real(WIDTH, a, a)) * sqrt(dense_dot_real(WIDTH, b, b));
      if (!isfinite(product)) continue;
      CHECK(bound >= product, "%s: %.9g bounds %.9g", what, bound, product);
      if (lengths > 0.0) most = fmax(most, (bound - product) / lengths);
    }
  memory_free(&short_x);
  memory_free(&short_y);
  projection_destroy(&projection);
  return most;
}

int main(void) {
  const size_t stride = real_padded(WIDTH);
  real *x = memory_new(real, ROWS * stride), *y = memory_new(real, ROWS * stride);
  fill(1, 20, 0.0, x);
  fill(2, 20, 0.0, y);
  double most = check_bounds(x, y, "in the space");
  CHECK(most < 1e-4, "in the space: loose by %.3g", most);
  fill(1, 20, 0.1, x);
  fill(2, 20, 0.1, y);
  most = check_bounds(x, y, "near the space");
  CHECK(most > 1e-4 && most < 0.1, "near the space: loose by %.3g", most);
  fill(1, 0, 1.0, x);
  fill(2, 0, 1.0, y);
  most = check_bounds(x, y, "in no space");
  CHECK(most > 0.1 && most <= 2.0, "in no space: loose by %.3g", most);
  // Zero, equal and infinite rows give no direction.
  for (size_t i = 0; i < WIDTH; i++) {
    x[i] = 0;
    x[2 * stride + i] = 3 * x[stride + i];
    x[5 * stride + i] = (real)INFINITY;
  }
  check_bounds(x, y, "rows without a direction");
  for (size_t i = 0; i < ROWS * stride; i++) x[i] = 0;
  most = check_bounds(x, y, "no direction at all");
  CHECK(most == 0.0, "no direction at all: loose by %.3g", most);
  memory_free(&x);
  memory_free(&y);
  return test_summary();
}
