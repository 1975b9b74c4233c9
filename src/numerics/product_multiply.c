// Kernel: rows times a packed matrix, and its packing.
#include <string.h>

#include "numerics/product_kernels.h"
#include "numerics/product_tile.h"
#include "numerics/transpose.h"

// ---- packing ----

// For a matrix whose terms, not outputs, are contiguous: transposed in registers, square by square,
// with the remainder element by element.
static void pack_turned(size_t terms, size_t width, const real *w, size_t term_stride,
                        size_t output_stride, real *panel) {
  const size_t rows = width / LANES * LANES, end = term_stride == 1 ? terms / LANES * LANES : 0;
  for (size_t k = 0; k < end; k += LANES)
    for (size_t i = 0; i < rows; i += LANES)
      transpose_square(LANES, LANES, w + i * output_stride + k, output_stride,
                       panel + k * PANEL + i, PANEL);
  for (size_t k = 0; k < terms; k++)
    for (size_t i = k < end ? rows : 0; i < width; i++)
      panel[k * PANEL + i] = w[i * output_stride + k * term_stride];
}

static void pack(size_t terms, size_t outputs, const real *w, size_t term_stride,
                 size_t output_stride, real *panels) {
  for (size_t j = 0; j < real_padded(outputs); j += PANEL, panels += terms * PANEL) {
    const size_t left = j < outputs ? outputs - j : 0, width = left < PANEL ? left : PANEL;
    const real *from = w + (width > 0 ? j * output_stride : 0);
    if (width < PANEL) memset(panels, 0, terms * PANEL * sizeof *panels);
    if (output_stride != 1)
      pack_turned(terms, width, from, term_stride, output_stride, panels);
    else
      for (size_t k = 0; k < terms; k++)
        memcpy(panels + k * PANEL, from + k * term_stride, width * sizeof *panels);
  }
}

// ---- multiplying ----

// A register tile of the sums of one chain: its operands, and what the sums are added to.
struct place {
  struct tile_terms terms;
  const real *bias;  // of these outputs; NULL: the sums begin at 0
  bool add;          // to the contents of c
  real *c;
  size_t c_stride;
};

ALWAYS_INLINE void tile(const size_t rows, const size_t vectors, const struct place *p) {
  vector sum[TILE_ROWS][WIDE_VECTORS], begin[WIDE_VECTORS];
  UNROLL
  for (size_t v = 0; v < vectors; v++)
    begin[v] = p->bias != NULL ? vector_load(p->bias + v * LANES) : (vector){0};
  UNROLL
  for (size_t r = 0; r < rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) sum[r][v] = begin[v];
  tile_sum(rows, vectors, p->terms, sum);
  UNROLL
  for (size_t r = 0; r < rows; r++) UNROLL
  for (size_t v = 0; v < vectors; v++) {
    real *to = p->c + r * p->c_stride + v * LANES;
    vector_store(to, p->add ? vector_load(to) + sum[r][v] : sum[r][v]);
  }
}

// The cases of a switch over the rows of a tile.
#if defined GFE_ISA_plain
#define EACH_TILE(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#elif defined GFE_ISA_avx2
#define EACH_TILE(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#else
#define EACH_TILE(CASE) \
  CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif

// Some rows times a panel that has `vectors` vectors.
static void narrow_tile(size_t rows, size_t vectors, const struct place *p) {
#define CASE(r)                                   \
  case r:                                         \
    vectors == 2 ? tile(r, 2, p) : tile(r, 1, p); \
    break;
  switch (rows) { EACH_TILE(CASE) }
#undef CASE
}

// Up to this many rows, a single panel has too few independent sums to hide the latency of an FMA,
// so several panels are multiplied together.
enum { WIDE_ROWS = TILE_ROWS / 4, WIDE_PANELS = WIDE_VECTORS / PANEL_VECTORS };

static void wide_tile(size_t rows, const struct place *p) {
  switch (rows) {
    case 1:
      tile(1, WIDE_VECTORS, p);
      break;
#if !defined GFE_ISA_plain && !defined GFE_ISA_avx2
    case 2:
      tile(2, WIDE_VECTORS, p);
      break;
    case 3:
      tile(3, WIDE_VECTORS, p);
      break;
#endif
  }
}

// Divides rows into blocks whose sizes differ by at most one: 20 as 10 + 10, not 12 + 8.
static size_t block_begin(size_t rows, size_t blocks, size_t block) {
  return block * rows / blocks;
}

struct range {
  size_t begin, end;
};

// What is multiplied together: some blocks of rows, which use a panel while it is in the cache, and
// the outputs of one panel or several.
struct part {
  size_t block_count;
  struct range blocks, columns;
};

// Multiplies one chain; after the last one, the sums are complete.
static void multiply_chain(const struct product_matrix *m, const struct product_rows *in,
                           const struct part *part, struct range chain) {
  const size_t k = chain.begin, column = part->columns.begin;
  const size_t width = part->columns.end - column, vectors = width / LANES;
  const bool last = chain.end == m->terms;
  const bool wide = vectors == WIDE_VECTORS && in->rows <= WIDE_ROWS;
  struct place p = {.terms = {.count = chain.end - k,
                              .row_stride = in->a_stride,
                              .term_stride = 1,
                              .b = m->panels + column * m->terms + k * PANEL,
                              .b_stride = PANEL,
                              .panel_stride = m->terms * PANEL},
                    .bias = k == 0 && !in->add && in->bias != NULL ? in->bias + column : NULL,
                    .add = in->add || k > 0,
                    .c_stride = in->c_stride};
  for (size_t block = part->blocks.begin; block < part->blocks.end; block++) {
    const size_t row = block_begin(in->rows, part->block_count, block);
    const size_t rows = block_begin(in->rows, part->block_count, block + 1) - row;
    p.terms.a = in->a + row * in->a_stride + k;
    p.c = in->c + row * in->c_stride + column;
    if (wide)
      wide_tile(rows, &p);
    else
      narrow_tile(rows, vectors, &p);
    if (last && in->finish != NULL) in->finish->act(in->finish->context, row, rows, column, width);
  }
}

static void multiply_chains(const struct product_matrix *m, const struct product_rows *in,
                            const struct part *part) {
  struct range chain = {0, 0};
  for (size_t c = 0; c == 0 || chain.begin < m->terms; c++, chain.begin = chain.end) {
    const size_t left = m->terms - chain.begin;
    chain.end =
        m->ends != NULL ? m->ends[c] : chain.begin + (left < PRODUCT_CHAIN ? left : PRODUCT_CHAIN);
    multiply_chain(m, in, part, chain);
  }
}

// The number of blocks that use a panel in turn: more would evict it, and each other, from the
// cache.
enum { GROUP_BLOCKS = 8 };

static void multiply(const struct product_matrix *m, const struct product_rows *in) {
  const size_t outputs = real_padded(m->outputs);
  const size_t step = in->rows <= WIDE_ROWS ? WIDE_PANELS * PANEL : PANEL;
  struct part part = {.block_count = (in->rows + TILE_ROWS - 1) / TILE_ROWS};
  for (; part.blocks.begin < part.block_count; part.blocks.begin = part.blocks.end) {
    const size_t left = part.block_count - part.blocks.begin;
    part.blocks.end = part.blocks.begin + (left < GROUP_BLOCKS ? left : GROUP_BLOCKS);
    for (size_t j = 0; j < outputs; j = part.columns.end) {
      size_t width = outputs - j < step ? outputs - j : step;
      if (width > PANEL && width < step) width = PANEL;  // what is left of several panels
      part.columns = (struct range){j, j + width};
      multiply_chains(m, in, &part);
    }
  }
}

// ---- gradient ----

static void gradient(const struct product_gradient *g);

const struct product_kernels VECTOR_VARIANT(product_kernels) = {
    .panel = PANEL, .pack = pack, .multiply = multiply, .gradient = gradient};

// The place of a register tile in the gradient: its first row, and `width` columns of a panel.
struct gradient_place {
  const struct product_gradient *g;
  size_t i, j, width;
};

// total = the sums of the chains of terms begin ... end - 1, added in order; `add`: to the contents
// of total. A panel with a single vector has no memory for a second one.
ALWAYS_INLINE void gradient_terms(const size_t rows, const size_t vectors,
                                  const struct gradient_place *p, size_t begin, size_t end,
                                  bool add, vector total[TILE_ROWS][PANEL_VECTORS]) {
  const struct product_gradient *g = p->g;
  for (size_t k = begin; k == begin || k < end; k += PRODUCT_CHAIN) {
    const size_t left = end - k;
    vector sum[TILE_ROWS][WIDE_VECTORS];
    UNROLL
    for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = (vector){0};
    tile_sum(rows, vectors,
             (struct tile_terms){.count = left < PRODUCT_CHAIN ? left : PRODUCT_CHAIN,
                                 .a = g->delta + k * g->delta_stride + p->i,
                                 .row_stride = 1,
                                 .term_stride = g->delta_stride,
                                 .b = g->a + k * g->a_stride + p->j,
                                 .b_stride = g->a_stride},
             sum);
    UNROLL
    for (size_t r = 0; r < rows; r++) UNROLL
    for (size_t v = 0; v < vectors; v++)
      total[r][v] = add || k > begin ? total[r][v] + sum[r][v] : sum[r][v];
  }
}

// Adds a row of a tile to the exact sum. The magnitudes are kept per column of the panel.
ALWAYS_INLINE void sum_row(const size_t width, double magic, bool begun, const real *restrict x,
                           double *restrict sum, real_bits *restrict largest) {
  for (size_t c = 0; c < width; c++) {
    const real_bits bits = real_magnitude(x[c]);
    largest[c] = bits > largest[c] ? bits : largest[c];
    const double rounded = ((double)x[c] + magic) - magic;
    sum[c] = begun ? sum[c] + rounded : rounded;
  }
}

// Not inlined: a copy in every tile would add thousands of instructions.
static __attribute__((noinline)) void sum_rows(size_t rows, const struct gradient_place *p,
                                               bool begun, vector total[TILE_ROWS][PANEL_VECTORS],
                                               real_bits largest[PANEL]) {
  const double magic = p->g->sums->magic;
  for (size_t r = 0; r < rows; r++) {
    double *sum = p->g->sums->sum + (p->i + r) * p->g->inputs + p->j;
    const real *x = (const real *)total[r];
    if (p->width < PANEL)
      sum_row(p->width, magic, begun, x, sum, largest);
    else if (begun)
      sum_row(PANEL, magic, true, x, sum, largest);
    else
      sum_row(PANEL, magic, false, x, sum, largest);
  }
}

// A register tile: some outputs (rows) times a panel of inputs.
ALWAYS_INLINE void gradient_rows(const size_t rows, const size_t vectors,
                                 const struct gradient_place *p, real_bits largest[PANEL]) {
  const struct product_gradient *g = p->g;
  vector total[TILE_ROWS][PANEL_VECTORS];
  if (g->sums != NULL) {
    for (size_t k = 0; k < g->terms; k += g->tile) {
      const size_t left = g->terms - k;
      gradient_terms(rows, vectors, p, k, left < g->tile ? g->terms : k + g->tile, false, total);
      sum_rows(rows, p, g->sums->begun || k > 0, total, largest);
    }
    return;
  }
  real *to = g->g + p->i * g->inputs + p->j;
  const size_t width = p->width;  // of whole vectors mostly
  if (width == vectors * LANES) {
    UNROLL
    for (size_t r = 0; r < rows; r++) UNROLL
    for (size_t v = 0; v < vectors; v++)
      total[r][v] = g->add ? vector_load(to + r * g->inputs + v * LANES) : (vector){0};
  } else {
    for (size_t r = 0; r < rows && g->add; r++)
      memcpy(total[r], to + r * g->inputs, width * sizeof *to);
  }
  for (struct gradient_place part = *p; part.g != NULL; part.g = part.g->further)
    gradient_terms(rows, vectors, &part, 0, part.g->terms, g->add || part.g != g, total);
  if (width == vectors * LANES) {
    UNROLL
    for (size_t r = 0; r < rows; r++) UNROLL
    for (size_t v = 0; v < vectors; v++) vector_store(to + r * g->inputs + v * LANES, total[r][v]);
  } else {
    for (size_t r = 0; r < rows; r++) memcpy(to + r * g->inputs, total[r], width * sizeof *to);
  }
}

static void gradient_tile(size_t rows, const struct gradient_place *p, real_bits largest[PANEL]) {
#define CASE(r)                        \
  case r:                              \
    if (p->width > LANES)              \
      gradient_rows(r, 2, p, largest); \
    else                               \
      gradient_rows(r, 1, p, largest); \
    break;
  switch (rows) { EACH_TILE(CASE) }
#undef CASE
}

static void gradient(const struct product_gradient *g) {
  const size_t blocks = (g->outputs + TILE_ROWS - 1) / TILE_ROWS;
  real_bits largest[PANEL] = {0};
  for (size_t block = 0, i = 0; block < blocks; block++) {
    const size_t end = block_begin(g->outputs, blocks, block + 1);
    for (size_t j = 0; j < g->inputs; j += PANEL) {
      const size_t left = g->inputs - j;
      const struct gradient_place place = {g, i, j, left < PANEL ? left : PANEL};
      gradient_tile(end - i, &place, largest);
    }
    i = end;
  }
  if (g->sums == NULL) return;
  for (size_t c = 0; c < PANEL; c++)
    if (largest[c] > g->sums->largest) g->sums->largest = largest[c];
  g->sums->begun = true;
}
