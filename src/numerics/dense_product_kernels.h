// What the instruction sets provide for products in double; see dense.h.
#ifndef GFE_DENSE_PRODUCT_KERNELS_H
#define GFE_DENSE_PRODUCT_KERNELS_H

#include "numerics/dense.h"

struct dense_product_kernels {
  void (*product)(const struct dense_product *product);
  void (*scale_rows)(size_t rows, size_t columns, const double *factor, const double *x,
                     double *scaled);
  void (*logistic)(size_t count, const double *x, double *softplus, double *sigmoid);
};

#endif
