#include "fma_peak_kernel.h"

#include "numerics/vector.h"

// More chains than the latency of a multiply-add times how many begin at once, and no more than
// there are registers; a few steps in a round, so that the loop itself does not count.
enum { CHAINS = 12, STEPS = 8 };

static double loop(size_t rounds) {
  vector sum[CHAINS];
  const vector a = vector_all((real)0.999), b = vector_all((real)0.001);
  UNROLL
  for (size_t i = 0; i < CHAINS; i++) sum[i] = vector_all((real)i);
  for (size_t k = 0; k < rounds; k++) {
    UNROLL
    for (size_t u = 0; u < STEPS; u++) UNROLL
    for (size_t i = 0; i < CHAINS; i++) sum[i] = vector_fma(a, sum[i], b);
  }
  double total = 0.0;
  UNROLL
  for (size_t i = 0; i < CHAINS; i++) total += (double)sum[i][0];
  return total;
}

const struct fma_peak_kernel VECTOR_VARIANT(fma_peak_kernel) = {2.0 * STEPS * CHAINS * LANES, loop};
