// What the instruction sets provide for exact sums; see reduction.c for the method.
#ifndef GFE_REDUCTION_KERNELS_H
#define GFE_REDUCTION_KERNELS_H

#include <stddef.h>

#include "ground/real.h"

struct reduction_kernels {
  // sum += (x + magic) - magic. Returns the largest magnitude, at least `largest`.
  real_bits (*add)(double magic, size_t count, const real *x, double *sum, real_bits largest);
  // scaled = factor sum
  void (*scale)(double factor, size_t count, const double *sum, real *scaled);
};

#endif
