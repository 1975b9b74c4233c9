// Kernel: products whose terms lie in pieces.
#include "numerics/product_pieces_kernels.h"
#include "numerics/product_tile.h"
#include "numerics/transpose.h"

// Elements from one line of rows, row, or term of a tile to the next.
struct strides {
  size_t line, row, term;
};

// The terms of a piece: those of the rows, `a`, and the vectors that they are multiplied by, `b`,
// those of a panel beside each other.
struct operands {
  size_t count;
  const real *a;
  struct strides a_stride;
  const real *b;
  size_t b_stride;
};

// sum[r][v] = fma(a, b, sum) over the terms, r = line rows + row. The first three arguments are
// constants at each call, and a single loop runs over lines and rows, so that the sums stay in
// registers.
ALWAYS_INLINE void add_piece(const size_t lines, const size_t rows, const size_t vectors,
                             const struct operands in, vector sum[TILE_ROWS][WIDE_VECTORS]) {
  const real *a = in.a, *b = in.b;
  for (size_t k = 0; k < in.count; k++, a += in.a_stride.term, b += in.b_stride) {
    vector w[WIDE_VECTORS];
    UNROLL
    for (size_t v = 0; v < vectors; v++) w[v] = vector_load(b + v * LANES);
    UNROLL
    for (size_t r = 0; r < lines * rows; r++) {
      const vector x = vector_all(a[r / rows * in.a_stride.line + r % rows * in.a_stride.row]);
      UNROLL
      for (size_t v = 0; v < vectors; v++) sum[r][v] = vector_fma(x, w[v], sum[r][v]);
    }
  }
}

// ---- rows times a packed matrix ----

// A tile of the lines: what it takes and where it goes.
struct place {
  const real *a, *panel, *bias;
  real *c;
};

ALWAYS_INLINE void tile(const size_t lines, const size_t rows, const size_t vectors,
                        const struct product_lines *in, const struct place *at) {
  vector sum[TILE_ROWS][WIDE_VECTORS], begin[WIDE_VECTORS];
  UNROLL
  for (size_t v = 0; v < vectors; v++)
    begin[v] = at->bias != NULL ? vector_load(at->bias + v * LANES) : (vector){0};
  UNROLL
  for (size_t r = 0; r < lines * rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) sum[r][v] = begin[v];
  for (size_t i = 0; i < in->pieces; i++)
    add_piece(lines, rows, vectors,
              (struct operands){.count = in->piece[i].count,
                                .a = at->a + in->piece[i].a,
                                .a_stride = {in->a_line, in->a_stride, 1},
                                .b = at->panel + in->piece[i].b * PANEL,
                                .b_stride = PANEL},
              sum);
  UNROLL
  for (size_t r = 0; r < lines * rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) {
    real *to = at->c + r / rows * in->c_line + r % rows * in->c_stride + v * LANES;
    vector_store(to, in->add ? vector_load(to) + sum[r][v] : sum[r][v]);
  }
}

// Some rows of one line, or of several short ones, times a panel that has `vectors` vectors.
static void any_tile(size_t lines, size_t rows, size_t vectors, const struct product_lines *in,
                     const struct place *at) {
#define TILE(l, r)                                                \
  case l * 16 + r:                                                \
    vectors == 2 ? tile(l, r, 2, in, at) : tile(l, r, 1, in, at); \
    break;
  switch (lines * 16 + rows) {
    TILE(1, 1)
    TILE(1, 2)
    TILE(1, 3)
    TILE(1, 4)
    TILE(2, 1)
    TILE(2, 2)
#if !defined GFE_ISA_plain
    TILE(3, 1)
    TILE(1, 5)
    TILE(1, 6)
    TILE(3, 2)
    TILE(2, 3)
#if !defined GFE_ISA_avx2
    TILE(1, 7)
    TILE(1, 8)
    TILE(1, 9)
    TILE(1, 10)
    TILE(1, 11)
    TILE(1, 12)
    TILE(4, 1)
    TILE(5, 1)
    TILE(6, 1)
    TILE(4, 2)
    TILE(5, 2)
    TILE(6, 2)
    TILE(3, 3)
    TILE(4, 3)
    TILE(2, 4)
    TILE(3, 4)
    TILE(2, 5)
    TILE(2, 6)
#endif
#endif
  }
#undef TILE
}

// Blocks whose sizes differ by at most one.
struct blocks {
  size_t count, size;
};

static struct blocks blocks_of(size_t count, size_t most) {
  return (struct blocks){(count + most - 1) / most, count};
}

static size_t block_begin(struct blocks blocks, size_t block) {
  return block * blocks.size / blocks.count;
}

// How rows and lines are divided into tiles: tiles of one line, which has the simplest addresses,
// or, if these had too few rows to hide the latency of an FMA, as few tiles as possible.
enum { ENOUGH_ROWS = 5 };
struct tiling {
  struct blocks rows, lines;
};

static struct tiling tiling_of(size_t rows, size_t lines) {
  struct tiling best = {blocks_of(rows, TILE_ROWS), blocks_of(lines, 1)};
  if (rows / best.rows.count >= ENOUGH_ROWS) return best;
  for (size_t most = 2; most <= TILE_ROWS / 2; most++) {
    const struct tiling tiling = {blocks_of(rows, most), blocks_of(lines, TILE_ROWS / most)};
    if (tiling.rows.count * tiling.lines.count < best.rows.count * best.lines.count) best = tiling;
  }
  return best;
}

static void multiply_panel(const struct product_lines *in, const struct tiling *tiling,
                           size_t column, size_t vectors) {
  struct place at = {.panel = in->m->panels + column * in->m->terms,
                     .bias = !in->add && in->bias != NULL ? in->bias + column : NULL};
  for (size_t i = 0; i < tiling->lines.count; i++) {
    const size_t line = block_begin(tiling->lines, i), line_end = block_begin(tiling->lines, i + 1);
    for (size_t j = 0; j < tiling->rows.count; j++) {
      const size_t row = block_begin(tiling->rows, j), end = block_begin(tiling->rows, j + 1);
      at.a = in->a + line * in->a_line + row * in->a_stride;
      at.c = in->c + line * in->c_line + row * in->c_stride + column;
      any_tile(line_end - line, end - row, vectors, in, &at);
    }
  }
}

static void multiply(const struct product_lines *in) {
  struct product_lines turned = *in;
  if (in->rows == 1) {  // lines of one row are rows of one line
    turned.lines = 1;
    turned.rows = in->lines;
    turned.a_stride = in->a_line;
    turned.c_stride = in->c_line;
  }
  const struct tiling tiling = tiling_of(turned.rows, turned.lines);
  const size_t outputs = real_padded(in->m->outputs);
  for (size_t j = 0; j < outputs; j += PANEL)
    multiply_panel(&turned, &tiling, j,
                   outputs - j < PANEL ? (outputs - j) / LANES : PANEL_VECTORS);
}

// ---- sums of products of pairs ----

ALWAYS_INLINE void pair_tile(const size_t rows, const size_t vectors,
                             const struct product_pairs *in, size_t row, size_t column) {
  const bool begin = in->bias != NULL && !in->add;
  vector sum[TILE_ROWS][WIDE_VECTORS];
  UNROLL
  for (size_t r = 0; r < rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++)
    sum[r][v] = begin ? vector_all(in->bias[row + r]) : (vector){0};
  for (size_t i = 0; i < in->pieces; i++)
    add_piece(1, rows, vectors,
              (struct operands){.count = in->piece[i].count,
                                .a = in->a + in->piece[i].a + row,
                                .a_stride = {0, 1, in->a_stride},
                                .b = in->b + in->piece[i].b + column,
                                .b_stride = in->b_stride},
              sum);
  UNROLL
  for (size_t r = 0; r < rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) {
    real *to = in->c + (row + r) * in->c_stride + column + v * LANES;
    vector_store(to, in->add ? vector_load(to) + sum[r][v] : sum[r][v]);
  }
}

// The number of vectors multiplied together: with few rows, those of one panel are too few
// independent sums to hide the latency of an FMA.
static size_t most_vectors(size_t rows) {
#if defined GFE_ISA_plain || defined GFE_ISA_avx2
  return rows == 1 ? 8 : rows == 2 ? 4 : PANEL_VECTORS;
#else
  return rows == 1 ? 8 : rows == 2 ? 6 : rows <= 6 ? 4 : PANEL_VECTORS;
#endif
}

static void any_pair_tile(size_t rows, size_t vectors, const struct product_pairs *in, size_t row,
                          size_t column) {
#define TILE(r, v)                    \
  case r * 16 + v:                    \
    pair_tile(r, v, in, row, column); \
    break;
  switch (rows * 16 + vectors) {
    TILE(1, 1)
    TILE(1, 2)
    TILE(1, 3)
    TILE(1, 4)
    TILE(1, 5)
    TILE(1, 6)
    TILE(1, 7)
    TILE(1, 8)
    TILE(2, 1)
    TILE(2, 2)
    TILE(2, 3) TILE(2, 4) TILE(3, 1) TILE(3, 2) TILE(4, 1) TILE(4, 2)
#if !defined GFE_ISA_plain
        TILE(5, 1) TILE(5, 2) TILE(6, 1) TILE(6, 2)
#if !defined GFE_ISA_avx2
            TILE(2, 5) TILE(2, 6) TILE(3, 3) TILE(3, 4) TILE(4, 3) TILE(4, 4) TILE(5, 3) TILE(5, 4)
                TILE(6, 3) TILE(6, 4) TILE(7, 1) TILE(7, 2) TILE(8, 1) TILE(8, 2) TILE(9, 1)
                    TILE(9, 2) TILE(10, 1) TILE(10, 2) TILE(11, 1) TILE(11, 2) TILE(12, 1)
                        TILE(12, 2)
#endif
#endif
  }
#undef TILE
}

static void sum(const struct product_pairs *in) {
  const struct blocks rows = blocks_of(in->rows, TILE_ROWS);
  const struct blocks vectors = blocks_of(real_padded(in->columns) / LANES,
                                          most_vectors((in->rows + rows.count - 1) / rows.count));
  for (size_t j = 0; j < vectors.count; j++) {
    const size_t first = block_begin(vectors, j), width = block_begin(vectors, j + 1) - first;
    for (size_t i = 0; i < rows.count; i++) {
      const size_t row = block_begin(rows, i), end = block_begin(rows, i + 1);
      any_pair_tile(end - row, width, in, row, first * LANES);
    }
  }
}

// ---- transposing ----

static void transpose(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                      size_t to_stride) {
  for (size_t i = 0; i < rows; i += LANES)
    for (size_t j = 0; j < columns; j += LANES) {
      const real *begin = from + i * from_stride + j;
      real *end = to + j * to_stride + i;
      if (rows - i >= LANES && columns - j >= LANES)
        transpose_square(LANES, LANES, begin, from_stride, end, to_stride);
      else
        transpose_square(rows - i, columns - j, begin, from_stride, end, to_stride);
    }
}

static void put_columns(size_t rows, size_t columns, const real *from, size_t from_stride, real *to,
                        size_t to_stride) {
  for (size_t j = 0; j < columns; j++, to += to_stride) {
    UNROLL
    for (size_t v = 1; v < REAL_PAD / LANES; v++) vector_store(to + v * LANES, (vector){0});
    vector_store(to, (vector){from[j]});
    for (size_t i = 1; i < rows; i++) to[i] = from[i * from_stride + j];
  }
}

const struct product_pieces_kernels VECTOR_VARIANT(product_pieces_kernels) = {
    .multiply = multiply, .sum = sum, .transpose = transpose, .put_columns = put_columns};
