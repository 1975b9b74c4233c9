// What the instruction sets provide for losses: sums over a row as loss_row() and
// loss_row_tangent() take them, and loss_output().
#ifndef GFE_LOSS_KERNELS_H
#define GFE_LOSS_KERNELS_H

#include "decoder/loss.h"

struct loss_kernels {
  struct {
    double (*row)(size_t n, size_t stride, const real *y, real scale, real *x);
    double (*row_weighted)(size_t stride, const real *y, const real *w, real scale, real *x);
    double (*row_placed)(size_t n, const struct loss_sample *sample, real scale, real *x);
    void (*curvature)(size_t stride, const real *w, real scale, const real *x, const real *y,
                      real *x_dot);
    double (*potential)(size_t n, size_t stride, const real *x, real *a);
    void (*output)(size_t count, real *x);  // NULL: x itself
  } kinds[LOSS_KINDS];
};

#endif
