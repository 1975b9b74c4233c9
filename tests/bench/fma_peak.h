// What a core can do at most: fused multiply-adds that do not wait for each other, in registers.
#ifndef GFE_FMA_PEAK_H
#define GFE_FMA_PEAK_H

// Runs them with the instruction set in use; returns how many flops they were. A call takes less
// than a millisecond, but with `plain`.
double fma_peak_run(void);

#endif
