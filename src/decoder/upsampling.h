// Nearest-neighbour upsampling of fields, stored as in convolution.h: every position becomes a box
// of equal positions; the backward pass is the sum over the box.
#ifndef GFE_UPSAMPLING_H
#define GFE_UPSAMPLING_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/convolution.h"

// Plain data: positions of the small field, and the factors.
struct upsampling {
  size_t channels, size[CONVOLUTION_AXES], factor[CONVOLUTION_AXES];
};

// large [size * factor] of each sample from small [size].
void upsampling_spread(const struct upsampling *u, size_t samples, const real *small, real *large);

// Sums over a box in the order of its positions; `add`: added to the contents of `small`.
void upsampling_collect(const struct upsampling *u, size_t samples, const real *large, bool add,
                        real *small);

#endif
