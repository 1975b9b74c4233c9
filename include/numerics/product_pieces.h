// Products whose rows are read in place from a field, so that a convolution need not copy the same
// numbers for every tap that uses them. The terms of a chain come in pieces, contiguous within each
// piece but not from one to the next.
//
// Bits are those of product.h: an output is a chain of fused multiply-adds over the terms in the
// order of the pieces. A call is one chain, which the caller keeps to PRODUCT_CHAIN terms; the sums
// of further chains are added by further calls.
#ifndef GFE_PRODUCT_PIECES_H
#define GFE_PRODUCT_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"
#include "numerics/product.h"

// Contiguous terms: how many, and where the first of them is on both sides of the product.
struct product_piece {
  size_t count, a, b;
};

// c[line][row][j] = bias[j] + sum over pieces and i < count of
//   a[line a_line + row a_stride + piece.a + i] m[piece.b + i][j].
struct product_lines {
  const struct product_matrix *m;
  size_t pieces;
  const struct product_piece *piece;
  size_t lines, rows;  // rows of a line
  const real *a;
  size_t a_line, a_stride;
  const real *bias;  // [outputs padded to REAL_PAD]; NULL: none
  bool add;          // to the contents of c, instead of the bias
  real *c;           // rows of real_padded(outputs), all of which are written
  size_t c_line, c_stride;
};
void product_multiply_lines(const struct product_lines *lines);

// c[i][j] = bias[i] + sum over pieces and k < count of
//   a[piece.a + k a_stride + i] b[piece.b + k b_stride + j],   i < rows, j < columns.
struct product_pairs {
  size_t pieces;
  const struct product_piece *piece;
  size_t rows, columns;
  const real *a;
  size_t a_stride;
  const real *b;  // readable up to real_padded(columns)
  size_t b_stride;
  const real *bias;  // [rows]; NULL: none
  bool add;          // to the contents of c, instead of the bias
  real *c;           // rows of real_padded(columns), all of which are written
  size_t c_stride;
};
void product_sum_pairs(const struct product_pairs *pairs);

// to[j][i] = from[i][j], i < rows and j < columns. Rows of `from` are readable, and rows of `to`
// are written, up to REAL_PAD - 1 elements beyond.
void product_transpose(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                       size_t to_stride);

// The same for at most REAL_PAD rows; the elements of a row of `to` beyond them, up to REAL_PAD,
// become zero.
void product_put_columns(size_t rows, size_t columns, const real *from, size_t from_stride,
                         real *to, size_t to_stride);

#endif
