// What the instruction sets provide for fma_peak.h.
#ifndef GFE_FMA_PEAK_KERNEL_H
#define GFE_FMA_PEAK_KERNEL_H

#include "ground/real.h"

struct fma_peak {
  double (*run)(real factor);  // returns the flops; the sums are stored, lest they be left out
};

#endif
