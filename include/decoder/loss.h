// Reconstruction losses of a sample y and the decoder's output x (METHOD section 1).
#ifndef GFE_LOSS_H
#define GFE_LOSS_H

#include <stddef.h>

#include "ground/real.h"

enum loss_kind {
  LOSS_BCE,  // mean of softplus(x) - y x: binary cross-entropy with logits
  LOSS_MSE   // mean of (x - y)^2
};
const char *loss_name(int kind);

// The loss of one sample, weighted by w (NULL: 1 everywhere): sum of w (...) / weight_sum, summed
// in double, where weight_sum = sum of w. All rows have `stride` elements, a multiple of REAL_PAD,
// of which `n` count. On return x holds d loss / d x, with zeros in the padding.
double loss_row(int kind, size_t n, size_t stride, const real *y, const real *w, double weight_sum,
                real *x);

// The same with a tangent x_dot; on return x_dot holds (d^2 loss / d x^2) x_dot, entry by entry.
double loss_row_tangent(int kind, size_t n, size_t stride, const real *y, const real *w,
                        double weight_sum, real *x, real *x_dot);

#endif
