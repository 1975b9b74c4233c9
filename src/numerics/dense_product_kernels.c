// Kernel: products in double, in either precision of the program.
#ifndef GFE_DOUBLE
#define GFE_DOUBLE
#endif
#include "numerics/dense_product_kernels.h"

#include "numerics/elementary.h"
#include "numerics/vector.h"

enum { WIDTH = 2 * LANES };  // columns of a register tile

// `rows` is a constant at each call.
static inline __attribute__((always_inline)) void tile(const struct dense_product *p, size_t rows,
                                                       size_t row, size_t column) {
  vector sum[TILE_ROWS][2];
  UNROLL for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vector_all(0);
  const double *a = p->a + row * p->row_step, *b = p->b + column;
  for (size_t k = 0; k < p->depth; k++, a += p->depth_step, b += p->b_stride) {
    const vector b0 = vector_load(b), b1 = vector_load(b + LANES);
    UNROLL for (size_t i = 0; i < rows; i++) {
      const vector each = vector_all(a[i * p->row_step]);
      sum[i][0] = vector_fma(each, b0, sum[i][0]);
      sum[i][1] = vector_fma(each, b1, sum[i][1]);
    }
  }
  UNROLL for (size_t i = 0; i < rows; i++) {
    double *c = p->c + (row + i) * p->c_stride + column;
    vector_store(c, vector_load(c) + sum[i][0]);
    vector_store(c + LANES, vector_load(c + LANES) + sum[i][1]);
  }
}

static void product(const struct dense_product *p) {
  for (size_t column = 0; column < p->columns; column += WIDTH) {
    size_t row = 0;
    for (; row + TILE_ROWS <= p->rows; row += TILE_ROWS) tile(p, TILE_ROWS, row, column);
    for (; row + 4 <= p->rows; row += 4) tile(p, 4, row, column);
    for (; row < p->rows; row++) tile(p, 1, row, column);
  }
}

static void scale_rows(size_t rows, size_t columns, const double *factor, const double *x,
                       double *scaled) {
  for (size_t row = 0; row < rows; row++) {
    const vector each = vector_all(factor[row]);
    for (size_t i = 0; i < columns; i += LANES, x += LANES, scaled += LANES)
      vector_store(scaled, each * vector_load(x));
  }
}

static void logistic(size_t count, const double *restrict x, double *restrict softplus,
                     double *restrict sigmoid) {
  for (size_t i = 0; i < count; i++) {
    const struct logistic l = logistic_real(x[i]);
    softplus[i] = l.softplus;
    sigmoid[i] = l.sigmoid;
  }
}

const struct dense_product_kernels VECTOR_VARIANT(dense_product_kernels) = {
    .product = product, .scale_rows = scale_rows, .logistic = logistic};
