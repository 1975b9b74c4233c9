// The peak speed of a core: independent fused multiply-adds in registers.
#ifndef GFE_FMA_PEAK_H
#define GFE_FMA_PEAK_H

// Runs them with the instruction set in use; returns how many flops they were. A call takes less
// than a millisecond, but with `plain`.
double fma_peak_run(void);

#endif
