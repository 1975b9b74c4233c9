// Squares of a matrix transposed in registers; compiled with the kernels that include it.
#ifndef GFE_TRANSPOSE_H
#define GFE_TRANSPOSE_H

#include "numerics/product_tile.h"

// The first halves of two vectors, element by element in turn, and the second ones.
ALWAYS_INLINE void interleave(vector a, vector b, vector *first, vector *second) {
#ifdef __clang__
  UNROLL
  for (size_t i = 0; i < LANES; i++) {
    (*first)[i] = i % 2 == 0 ? a[i / 2] : b[i / 2];
    (*second)[i] = i % 2 == 0 ? a[(LANES + i) / 2] : b[(LANES + i) / 2];
  }
#else
  typedef real_bits indices __attribute__((vector_size(VECTOR_BYTES)));
  indices low, high;
  UNROLL
  for (size_t i = 0; i < LANES; i++) {
    low[i] = (real_bits)(i / 2 + i % 2 * LANES);
    high[i] = (real_bits)(LANES / 2 + i / 2 + i % 2 * LANES);
  }
  *first = __builtin_shuffle(a, b, low);
  *second = __builtin_shuffle(a, b, high);
#endif
}

// Transposes a square of LANES rows, of which those beyond `rows` repeat the last; writes `columns`
// columns.
ALWAYS_INLINE void transpose_square(size_t rows, size_t columns, const real *from,
                                    size_t from_stride, real *to, size_t to_stride) {
  vector x[LANES], y[LANES];
  UNROLL
  for (size_t i = 0; i < LANES; i++)
    x[i] = vector_load(from + (i < rows ? i : rows - 1) * from_stride);
  UNROLL
  for (size_t step = 1; step < LANES; step *= 2) {
    UNROLL
    for (size_t i = 0; i < LANES / 2; i++)
      interleave(x[i], x[i + LANES / 2], &y[2 * i], &y[2 * i + 1]);
    UNROLL
    for (size_t i = 0; i < LANES; i++) x[i] = y[i];
  }
  UNROLL
  for (size_t i = 0; i < LANES; i++)
    if (i < columns) vector_store(to + i * to_stride, x[i]);
}

#endif
