// A tile of a product in registers; compiled with the kernels that include it.
#ifndef GFE_PRODUCT_TILE_H
#define GFE_PRODUCT_TILE_H

#include "numerics/vector.h"

enum { PANEL_VECTORS = 2, PANEL = PANEL_VECTORS * LANES, WIDE_VECTORS = 8 };
#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Where the terms of a tile are: a[row * row_stride + k * term_stride] times vector v of
// b + k * b_stride, the vectors of a panel beside each other and those of the next one
// `panel_stride` further on.
struct tile_terms {
  size_t count;
  const real *a;
  size_t row_stride, term_stride;
  const real *b;
  size_t b_stride, panel_stride;
};

ALWAYS_INLINE const real *tile_vector(const struct tile_terms *t, size_t v) {
  return t->b + v / PANEL_VECTORS * t->panel_stride + v % PANEL_VECTORS * LANES;
}

// sum[row][v] = fma(a, b, sum) over the terms. `rows` and `vectors` are constants at each call, so
// that the sums stay in registers.
ALWAYS_INLINE void tile_sum(const size_t rows, const size_t vectors, const struct tile_terms t,
                            vector sum[TILE_ROWS][WIDE_VECTORS]) {
  const real *a = t.a, *b[WIDE_VECTORS / PANEL_VECTORS];
  UNROLL
  for (size_t p = 0; p < (vectors + 1) / PANEL_VECTORS; p++) b[p] = t.b + p * t.panel_stride;
  for (size_t k = 0; k < t.count; k++, a += t.term_stride) {
    vector w[WIDE_VECTORS];
    UNROLL
    for (size_t v = 0; v < vectors; v++)
      w[v] = vector_load(b[v / PANEL_VECTORS] + v % PANEL_VECTORS * LANES);
    UNROLL
    for (size_t r = 0; r < rows; r++) {
      const vector x = vector_all(a[r * t.row_stride]);
      UNROLL
      for (size_t v = 0; v < vectors; v++) sum[r][v] = vector_fma(x, w[v], sum[r][v]);
    }
    UNROLL
    for (size_t p = 0; p < (vectors + 1) / PANEL_VECTORS; p++) b[p] += t.b_stride;
  }
}

#endif
