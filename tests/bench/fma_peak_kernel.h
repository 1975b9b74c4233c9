// The loop of fma_peak.h, compiled once per instruction set.
#ifndef GFE_BENCH_FMA_PEAK_KERNEL_H
#define GFE_BENCH_FMA_PEAK_KERNEL_H

#include <stddef.h>

struct fma_peak_kernel {
  double flops;                   // of a round
  double (*loop)(size_t rounds);  // returns a number that depends on all of them
};

#endif
