// What the instruction sets provide for products with samples; see pod_samples.c.
#ifndef GFE_POD_SAMPLES_KERNELS_H
#define GFE_POD_SAMPLES_KERNELS_H

#include <stddef.h>

#include "ground/real.h"

struct pod_samples_kernels {
  // block = (y - mean) factor
  void (*centre)(size_t count, const real *y, const double *mean, const double *factor,
                 double *block);
};

#endif
