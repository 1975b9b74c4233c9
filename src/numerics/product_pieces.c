#include "numerics/product_pieces.h"

#include "numerics/isa.h"
#include "numerics/product_pieces_kernels.h"

ISA_VARIANTS(struct product_pieces_kernels, product_pieces_kernels);

static const struct product_pieces_kernels *kernels(void) {
  return product_pieces_kernels_variants[isa_chosen()];
}

void product_multiply_lines(const struct product_lines *lines) { kernels()->multiply(lines); }

void product_sum_pairs(const struct product_pairs *pairs) { kernels()->sum(pairs); }

void product_transpose(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                       size_t to_stride) {
  kernels()->transpose(rows, columns, from, from_stride, to, to_stride);
}

void product_put_columns(size_t rows, size_t columns, const real *from, size_t from_stride,
                         real *to, size_t to_stride) {
  kernels()->put_columns(rows, columns, from, from_stride, to, to_stride);
}
