// Kernel: as many sums as hide the latency of a fused multiply-add on two units.
#include "fma_peak_kernel.h"

#include "numerics/vector.h"

enum { SUMS = 12, LENGTH = 50000 };

static volatile vector sink;

// Sums that begin alike, or of which a lane is not used, would be left out.
static double run(real factor) {
  vector sum[SUMS], total = {0};
  for (int s = 0; s < SUMS; s++) sum[s] = vector_all(factor * (real)s);
  const vector x = vector_all(factor), y = vector_all(factor);
  for (int i = 0; i < LENGTH; i++) {
    UNROLL
    for (int s = 0; s < SUMS; s++) sum[s] = vector_fma(sum[s], x, y);
  }
  for (int s = 0; s < SUMS; s++) total += sum[s];
  sink = total;
  return 2.0 * SUMS * LENGTH * LANES;
}

const struct fma_peak VECTOR_VARIANT(fma_peak) = {.run = run};
