// Kernel: the loops of exact sums over all parameters.
#include "numerics/reduction_kernels.h"

#include "numerics/vector.h"

static real_bits add(double magic, size_t count, const real *restrict x, double *restrict sum,
                     real_bits largest) {
  for (size_t i = 0; i < count; i++) {
    const real_bits bits = real_magnitude(x[i]);
    largest = bits > largest ? bits : largest;
    sum[i] += ((double)x[i] + magic) - magic;
  }
  return largest;
}

static void scale(double factor, size_t count, const double *restrict sum, real *restrict scaled) {
  for (size_t i = 0; i < count; i++) scaled[i] = (real)(sum[i] * factor);
}

const struct reduction_kernels VECTOR_VARIANT(reduction_kernels) = {.add = add, .scale = scale};
