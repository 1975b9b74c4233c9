// Kernel: the loops of the optimisers over all parameters.
#include "numerics/optimiser_kernels.h"

#include "numerics/vector.h"

static void adam(const struct optimiser_step *step, size_t count, const real *restrict gradient,
                 real *restrict theta) {
  const struct optimiser_step s = *step;
  real *restrict mean = s.first, *restrict square = s.second;
  for (size_t i = 0; i < count; i++) {
    const real g = gradient[i];
    mean[i] += ((real)1 - s.decay1) * (g - mean[i]);
    square[i] = s.decay2 * square[i] + ((real)1 - s.decay2) * g * g;
    theta[i] -= s.rate * mean[i] / (real_sqrt(square[i]) * s.unbias + s.epsilon);
  }
}

static void rmsprop(const struct optimiser_step *step, size_t count, const real *restrict gradient,
                    real *restrict theta) {
  const struct optimiser_step s = *step;
  real *restrict square = s.second;
  for (size_t i = 0; i < count; i++) {
    const real g = gradient[i];
    square[i] = s.decay2 * square[i] + ((real)1 - s.decay2) * g * g;
    theta[i] -= s.rate * g / (real_sqrt(square[i]) + s.epsilon);
  }
}

static void sgd(const struct optimiser_step *step, size_t count, const real *restrict gradient,
                real *restrict theta) {
  const struct optimiser_step s = *step;
  real *restrict velocity = s.first;
  for (size_t i = 0; i < count; i++) {
    velocity[i] = s.decay1 * velocity[i] + gradient[i];
    theta[i] -= s.rate * velocity[i];
  }
}

const struct optimiser_kernels VECTOR_VARIANT(optimiser_kernels) = {
    .adam = adam, .rmsprop = rmsprop, .sgd = sgd};
