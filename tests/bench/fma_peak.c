#include "fma_peak.h"

#include <math.h>

#include "fma_peak_kernel.h"
#include "ground/clock.h"
#include "numerics/isa.h"

ISA_VARIANTS(struct fma_peak_kernel, fma_peak_kernel);

double fma_peak(void) {
  enum { ROUNDS = 2500, TIMES = 100 };
  const struct fma_peak_kernel *kernel = fma_peak_kernel_variants[isa_chosen()];
  double best = INFINITY;
  volatile double sink = 0.0;
  for (int i = 0; i < TIMES; i++) {
    const double begin = clock_seconds();
    sink = sink + kernel->loop(ROUNDS);
    best = fmin(best, clock_seconds() - begin);
  }
  return kernel->flops * ROUNDS / best;
}
