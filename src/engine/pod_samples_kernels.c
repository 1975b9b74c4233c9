// Kernel: samples on their way into a product.
#include "engine/pod_samples_kernels.h"

#include "numerics/vector.h"

static void centre(size_t count, const real *restrict y, const double *restrict mean,
                   const double *restrict factor, double *restrict block) {
  for (size_t i = 0; i < count; i++) block[i] = ((double)y[i] - mean[i]) * factor[i];
}

const struct pod_samples_kernels VECTOR_VARIANT(pod_samples_kernels) = {.centre = centre};
