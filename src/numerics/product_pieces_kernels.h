// What the instruction sets provide for products in pieces; see product_pieces.h for the functions.
#ifndef GFE_PRODUCT_PIECES_KERNELS_H
#define GFE_PRODUCT_PIECES_KERNELS_H

#include "numerics/product_pieces.h"

struct product_pieces_kernels {
  void (*multiply)(const struct product_lines *lines);
  void (*sum)(const struct product_pairs *pairs);
  void (*transpose)(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                    size_t to_stride);
  void (*put_columns)(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                      size_t to_stride);
};

#endif
