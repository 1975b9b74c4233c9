// Kernel: products whose terms lie in pieces.
#include "numerics/product_pieces_kernels.h"
#include "numerics/product_tile.h"

// From one row, line of rows, or term of a tile to the next.
struct strides {
  size_t line, row, term;
};

// Where the terms of a piece stand: those of the rows, and the vectors they are multiplied with, of
// which those of a panel lie beside each other.
struct operands {
  size_t count;
  const real *a;
  struct strides a_stride;
  const real *b;
  size_t b_stride;
};

// sum[r][v] = fma(a, b, sum) over the terms, r = line rows + row. The first three are constants
// where it is called, and one loop runs over lines and rows, so that the sums stay in registers.
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

// Some rows of some lines by a panel, of which `vectors` are there: one line, or several short
// ones.
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
    TILE(2, 2)
#if !defined GFE_ISA_plain
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

// Blocks whose sizes differ by one at most.
struct blocks {
  size_t count, size;
};

static struct blocks blocks_of(size_t count, size_t most) {
  return (struct blocks){(count + most - 1) / most, count};
}

static size_t block_begin(struct blocks blocks, size_t block) {
  return block * blocks.size / blocks.count;
}

static void multiply_panel(const struct product_lines *in, size_t column, size_t vectors) {
  const struct blocks rows = blocks_of(in->rows, TILE_ROWS);
  const struct blocks lines = blocks_of(in->lines, in->rows < TILE_ROWS ? TILE_ROWS / in->rows : 1);
  struct place at = {.panel = in->m->panels + column * in->m->terms,
                     .bias = !in->add && in->bias != NULL ? in->bias + column : NULL};
  for (size_t i = 0; i < lines.count; i++) {
    const size_t line = block_begin(lines, i), line_end = block_begin(lines, i + 1);
    for (size_t j = 0; j < rows.count; j++) {
      const size_t row = block_begin(rows, j), end = block_begin(rows, j + 1);
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
  const size_t outputs = real_padded(in->m->outputs);
  for (size_t j = 0; j < outputs; j += PANEL)
    multiply_panel(&turned, j, outputs - j < PANEL ? (outputs - j) / LANES : PANEL_VECTORS);
}

// ---- sums of products of pairs ----

ALWAYS_INLINE void pair_tile(const size_t rows, const size_t vectors,
                             const struct product_pairs *in, size_t row, size_t column) {
  vector sum[TILE_ROWS][WIDE_VECTORS];
  UNROLL
  for (size_t r = 0; r < rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) sum[r][v] = (vector){0};
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

static void any_pair_tile(size_t rows, size_t vectors, const struct product_pairs *in, size_t row,
                          size_t column) {
#define TILE(r)                                                                         \
  case r:                                                                               \
    vectors == 2 ? pair_tile(r, 2, in, row, column) : pair_tile(r, 1, in, row, column); \
    break;
  switch (rows) {
    TILE(1)
    TILE(2)
    TILE(3)
    TILE(4)
#if !defined GFE_ISA_plain
    TILE(5)
    TILE(6)
#if !defined GFE_ISA_avx2
    TILE(7)
    TILE(8)
    TILE(9)
    TILE(10)
    TILE(11)
    TILE(12)
#endif
#endif
  }
#undef TILE
}

// So few rows that the sums of one panel would wait for each other: eight vectors, or four.
enum { WIDE_ROWS = TILE_ROWS / 4, HALF_ROWS = TILE_ROWS / 2, HALF_VECTORS = 4 };

static void wide_pair_tile(size_t rows, const struct product_pairs *in, size_t row, size_t column) {
  switch (rows) {
    case 1:
      pair_tile(1, WIDE_VECTORS, in, row, column);
      break;
#if !defined GFE_ISA_plain && !defined GFE_ISA_avx2
    case 2:
      pair_tile(2, WIDE_VECTORS, in, row, column);
      break;
    case 3:
      pair_tile(3, WIDE_VECTORS, in, row, column);
      break;
#endif
  }
}

static void half_pair_tile(size_t rows, const struct product_pairs *in, size_t row, size_t column) {
  switch (rows) {
    case 1:
      pair_tile(1, HALF_VECTORS, in, row, column);
      break;
    case 2:
      pair_tile(2, HALF_VECTORS, in, row, column);
      break;
#if !defined GFE_ISA_plain
    case 3:
      pair_tile(3, HALF_VECTORS, in, row, column);
      break;
#if !defined GFE_ISA_avx2
    case 4:
      pair_tile(4, HALF_VECTORS, in, row, column);
      break;
    case 5:
      pair_tile(5, HALF_VECTORS, in, row, column);
      break;
    case 6:
      pair_tile(6, HALF_VECTORS, in, row, column);
      break;
#endif
#endif
  }
}

static void sum(const struct product_pairs *in) {
  const size_t columns = real_padded(in->columns);
  const struct blocks blocks = blocks_of(in->rows, TILE_ROWS);
  for (size_t column = 0, vectors; column < columns; column += vectors * LANES) {
    const size_t left = (columns - column) / LANES;
    if (in->rows <= WIDE_ROWS && left >= WIDE_VECTORS) {
      vectors = WIDE_VECTORS;
      wide_pair_tile(in->rows, in, 0, column);
      continue;
    }
    if (in->rows <= HALF_ROWS && left >= HALF_VECTORS) {
      vectors = HALF_VECTORS;
      half_pair_tile(in->rows, in, 0, column);
      continue;
    }
    vectors = left < PANEL_VECTORS ? left : PANEL_VECTORS;
    for (size_t i = 0; i < blocks.count; i++) {
      const size_t row = block_begin(blocks, i), end = block_begin(blocks, i + 1);
      any_pair_tile(end - row, vectors, in, row, column);
    }
  }
}

const struct product_pieces_kernels VECTOR_VARIANT(product_pieces_kernels) = {.multiply = multiply,
                                                                              .sum = sum};
