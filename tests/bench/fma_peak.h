// The yardstick of all products: what independent fused multiply-adds reach on this core.
#ifndef GFE_BENCH_FMA_PEAK_H
#define GFE_BENCH_FMA_PEAK_H

// Floating-point operations per second, two for each lane of each multiply-add, with the
// instruction set in use. The best of several short loops.
double fma_peak(void);

#endif
