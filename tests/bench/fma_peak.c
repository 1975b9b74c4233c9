#include "fma_peak.h"

#include "fma_peak_kernel.h"
#include "numerics/isa.h"

ISA_VARIANTS(struct fma_peak, fma_peak);

double fma_peak_run(void) { return fma_peak_variants[isa_chosen()]->run(1); }
