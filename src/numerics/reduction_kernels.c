// Kernel: the loops of exact sums over all parameters.
#include "numerics/reduction_kernels.h"

#include <string.h>

#include "numerics/vector.h"

// As integers, the bits of magnitudes are ordered like these, and beyond them infinity and NaN.
static real largest(size_t count, const real *x) {
  const real_bits all_but_sign = (real_bits)(UINT64_MAX >> (65 - 8 * sizeof all_but_sign));
  real_bits most = 0;
  for (size_t i = 0; i < count; i++) {
    real_bits bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits &= all_but_sign;
    most = bits > most ? bits : most;
  }
  real magnitude;
  memcpy(&magnitude, &most, sizeof magnitude);
  return magnitude;
}

// Beside 1.5 2^52 units, the last bit of a double is one unit.
static void add(double unit, size_t count, const real *restrict x, double *restrict sum) {
  const double magic = 0x1.8p52 * unit;
  for (size_t i = 0; i < count; i++) sum[i] += ((double)x[i] + magic) - magic;
}

static void scale(double factor, size_t count, const double *restrict sum, real *restrict scaled) {
  for (size_t i = 0; i < count; i++) scaled[i] = (real)(sum[i] * factor);
}

const struct reduction_kernels VECTOR_VARIANT(reduction_kernels) = {
    .largest = largest, .add = add, .scale = scale};
