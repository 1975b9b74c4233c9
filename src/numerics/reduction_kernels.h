// What the instruction sets provide for exact sums; see reduction.c for the method.
#ifndef GFE_REDUCTION_KERNELS_H
#define GFE_REDUCTION_KERNELS_H

#include <stddef.h>

#include "ground/real.h"

struct reduction_kernels {
  // The largest magnitude; infinity or NaN if there is one.
  real (*largest)(size_t count, const real *x);
  // sum += x, rounded to a multiple of `unit`. |x| <= 2^51 units.
  void (*add)(double unit, size_t count, const real *x, double *sum);
  // scaled = factor sum
  void (*scale)(double factor, size_t count, const double *sum, real *scaled);
};

#endif
