// What the instruction sets provide for optimisers; see optimiser.c for the methods.
#ifndef GFE_OPTIMISER_KERNELS_H
#define GFE_OPTIMISER_KERNELS_H

#include <stddef.h>

#include "ground/real.h"

// The constants of an update, and the running means: NULL where the method has none.
struct optimiser_step {
  real decay1, decay2;  // of the means of the gradient and of its square
  real rate, unbias, epsilon;
  real *first, *second;  // [count]
};

struct optimiser_kernels {
  void (*adam)(const struct optimiser_step *step, size_t count, const real *gradient, real *theta);
  void (*rmsprop)(const struct optimiser_step *step, size_t count, const real *gradient,
                  real *theta);
  void (*sgd)(const struct optimiser_step *step, size_t count, const real *gradient, real *theta);
};

#endif
