// Products of a few rows with a matrix that is reused for many of them, and of the rows with each
// other for the gradient of the matrix.
//
// Bits follow from a prescribed order and nothing else. An output is a chain of fused multiply-adds
// over the terms in their order; a chain has at most PRODUCT_CHAIN terms, and the sums of further
// chains are added to it one after the other. Vector lanes hold outputs, never terms. The bits of a
// row therefore depend neither on the number of rows nor on its place among them, and they are the
// same with every instruction set, compiler and library.
//
// Speed: the matrix is packed once into panels, two vectors wide, that lie in memory as the product
// reads them. Tiles of 12 rows by a panel (6 with AVX2) are summed in registers.
#ifndef GFE_PRODUCT_H
#define GFE_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"
#include "numerics/reduction.h"

enum { PRODUCT_CHAIN = 256 };

// A matrix of `terms` x `outputs` elements m[k][j] in panels. Plain data; what it points to is
// borrowed, `panels` zero beyond the last output.
struct product_matrix {
  size_t terms, outputs;
  const real *panels;
  const size_t *ends;  // of its chains, the last one `terms`; NULL: after every PRODUCT_CHAIN terms
};

// Elements of the panels.
size_t product_panels_size(size_t terms, size_t outputs);

// Packs the elements m[k][j] = w[k * term_stride + j * output_stride].
void product_pack(size_t terms, size_t outputs, const real *w, size_t term_stride,
                  size_t output_stride, real *panels);

// Processes sums as soon as they are complete, while they are in the L1 cache: those of rows
// row ... row + rows - 1 and outputs column ... column + columns - 1, with `columns` a multiple of
// REAL_PAD, or of 8 for float64 on narrow vectors.
struct product_finish {
  void (*act)(const void *context, size_t row, size_t rows, size_t column, size_t columns);
  const void *context;
};

// Rows of a product: c[row][j] = bias[j] + sum over k of a[row][k] m[k][j].
struct product_rows {
  size_t rows;
  const real *a;  // [rows][a_stride]
  size_t a_stride;
  const real *bias;  // [outputs padded to REAL_PAD]; NULL: none
  bool add;          // to the contents of c, instead of the bias
  real *c;  // [rows][c_stride]; c_stride >= real_padded(outputs), and whole rows are written
  size_t c_stride;
  const struct product_finish *finish;  // NULL: nothing
};
void product_multiply(const struct product_matrix *m, const struct product_rows *rows);

// The gradient of the matrix: g[i][j] = sum over k < terms of delta[k][i] a[k][j], i < outputs and
// j < inputs, in tiles. `add`: added to the contents of g.
struct product_gradient {
  size_t terms, outputs, inputs;
  const real *delta;  // [terms][delta_stride]
  size_t delta_stride;
  const real *a;  // [terms][a_stride], readable up to real_padded(inputs)
  size_t a_stride;
  bool add;
  real *g;  // [outputs][inputs]
  // Instead of g, a block of exact sums, to which each tile of `tile` terms (the last one may have
  // fewer) adds its gradient as soon as it is complete; `add` is ignored. NULL: none.
  struct reduction_block *sums;
  size_t tile;
  // More terms, whose chains are added after these; only its terms, delta and a are used. Not
  // allowed with `sums`. NULL: none.
  const struct product_gradient *further;
};
void product_gradient(const struct product_gradient *gradient);

#endif
