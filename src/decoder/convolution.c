// Convolutions as matrix products, and the choice of the way.
#include "decoder/convolution.h"

#include <string.h>

#include "decoder/layer.h"
#include "platform/blas.h"

// ---- by products: P(image) is a matrix with a column for each position of the grid and sample of
// a block ----

enum { CACHE = 1 << 19 };  // bytes of a matrix of patches

// The matrices: W is rows x cols, P is cols x columns, of which some lines of the grid are put
// together at a time, so that they stay in the cache.
struct matrices {
  size_t rows, cols, columns;
  size_t lines, line;  // of the grid at a time; columns of a line
};

static struct matrices matrices_of(const struct convolution *c) {
  const struct patches *p = c->patches;
  struct matrices m = {.rows = c->outputs,
                       .cols = p->channels * patches_kernel(p),
                       .columns = patches_grid(p) * LAYER_ROWS,
                       .line = p->grid[2] * LAYER_ROWS};
  m.lines = CACHE / (m.cols * m.line * sizeof(real));
  if (m.lines < 1) m.lines = 1;
  if (m.lines > patches_line_count(p) || patches_trivial(p)) m.lines = patches_line_count(p);
  return m;
}

// The lines from `begin` on, and their columns.
static struct patches_lines lines_from(const struct convolution *c, const struct matrices *m,
                                       size_t begin) {
  const size_t end = begin + m->lines, count = patches_line_count(c->patches);
  return (struct patches_lines){begin, end < count ? end : count};
}

static size_t columns_of(const struct matrices *m, struct patches_lines lines) {
  return (lines.end - lines.begin) * m->line;
}

static size_t work_size(const struct convolution *c) {
  const struct matrices m = matrices_of(c);
  return patches_trivial(c->patches) ? 0 : m.cols * m.lines * m.line;
}

// Lines of P(image); where that is the image itself, nothing is moved.
static const real *gather(const struct convolution *c, struct patches_lines lines,
                          const real *image, real *work) {
  if (patches_trivial(c->patches)) return image;
  patches_gather(c->patches, lines, LAYER_ROWS, image, work);
  return work;
}

static void to_grid(const struct convolution *c, const real *weight, size_t rows, const real *image,
                    bool add, real *grid, real *work) {
  const struct matrices m = matrices_of(c);
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    for (size_t begin = 0; begin < patches_line_count(c->patches); begin += m.lines) {
      const struct patches_lines lines = lines_from(c, &m, begin);
      const size_t columns = columns_of(&m, lines);
      blas_gemm(false, false, m.rows, columns, m.cols, weight, m.cols,
                gather(c, lines, image, work), columns, add ? 1 : 0, grid + begin * m.line,
                m.columns);
    }
    image += LAYER_ROWS * convolution_image(c);
    grid += LAYER_ROWS * convolution_grid(c);
  }
}

static void to_image(const struct convolution *c, const real *weight, size_t rows, const real *grid,
                     bool add, real *image, real *work) {
  const struct matrices m = matrices_of(c);
  const struct patches *p = c->patches;
  const bool trivial = patches_trivial(p);
  const size_t size = p->channels * patches_image(p) * LAYER_ROWS;
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    if (!trivial && !add) memset(image, 0, size * sizeof *image);
    for (size_t begin = 0; begin < patches_line_count(p); begin += m.lines) {
      const struct patches_lines lines = lines_from(c, &m, begin);
      const size_t columns = columns_of(&m, lines);
      blas_gemm(true, false, m.cols, columns, m.rows, weight, m.cols, grid + begin * m.line,
                m.columns, trivial && add ? 1 : 0, trivial ? image : work, columns);
      if (!trivial) patches_scatter(p, lines, LAYER_ROWS, work, image);
    }
    grid += LAYER_ROWS * convolution_grid(c);
    image += LAYER_ROWS * convolution_image(c);
  }
}

static void to_weight(const struct convolution *c, size_t rows, const real *grid, const real *image,
                      bool add, real *gradient, real *work) {
  const struct matrices m = matrices_of(c);
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    for (size_t begin = 0; begin < patches_line_count(c->patches); begin += m.lines) {
      const struct patches_lines lines = lines_from(c, &m, begin);
      const size_t columns = columns_of(&m, lines);
      blas_gemm(false, true, m.rows, m.cols, columns, grid + begin * m.line, m.columns,
                gather(c, lines, image, work), columns, add || begin + row > 0 ? 1 : 0, gradient,
                m.cols);
    }
    grid += LAYER_ROWS * convolution_grid(c);
    image += LAYER_ROWS * convolution_image(c);
  }
}

const struct convolution_ops convolution_product = {
    .work = work_size, .to_grid = to_grid, .to_image = to_image, .to_weight = to_weight};

// ---- the choice ----

// A portable build has narrow vectors only: there OpenBLAS, which chooses its kernel at run time,
// is faster.
enum { WIDE = __BIGGEST_ALIGNMENT__ >= 32 };

const struct convolution_ops *convolution_ops(const struct convolution *c) {
  const struct patches *p = c->patches;
  if (!WIDE || patches_trivial(p)) return &convolution_product;
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    if (p->stride[axis] != 1 || p->padding[axis] >= p->kernel[axis]) return &convolution_product;
  return &convolution_direct;
}

size_t convolution_image(const struct convolution *c) {
  return real_padded(c->patches->channels * patches_image(c->patches));
}

size_t convolution_grid(const struct convolution *c) {
  return real_padded(c->outputs * patches_grid(c->patches));
}
