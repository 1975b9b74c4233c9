// What the instruction sets provide for products; see product.h for the functions.
#ifndef GFE_PRODUCT_KERNELS_H
#define GFE_PRODUCT_KERNELS_H

#include "numerics/product.h"

struct product_kernels {
  size_t panel;  // outputs of a panel
  void (*pack)(size_t terms, size_t outputs, const real *w, size_t term_stride,
               size_t output_stride, real *panels);
  void (*multiply)(const struct product_matrix *m, const struct product_rows *rows);
  void (*gradient)(const struct product_gradient *gradient);
};

#endif
