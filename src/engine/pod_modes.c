#include "engine/pod_modes.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/dense.h"

enum {
  DIRECT = 512,  // length of a vector up to which all eigenpairs are computed
  SPARE = 8,     // vectors beyond the wanted ones
  BLOCKS = 4,    // of a Krylov space: the vectors, and three times the matrix at the last ones
  CYCLES = 60    // at most
};
static const double still = 1e-11;  // gain of a cycle, of what is left, that counts as none
static const double rounding = 0x1p-50;

static size_t padded(size_t columns) {
  return (columns + DENSE_COLUMNS - 1) / DENSE_COLUMNS * DENSE_COLUMNS;
}

// The symmetric matrix Y Y^T or Y^T Y, whichever is smaller, represented by its action on columns.
struct matrix {
  const struct pod_samples *samples;
  bool by_sample;      // Y Y^T
  size_t size;         // numbers in a column
  double *rows, *all;  // [rows.count][columns]; Y Y^T: [n][columns]
};

static bool is_by_sample(double total, size_t n) { return total <= (double)n; }

static struct matrix matrix_create(const struct pod_samples *s, size_t columns) {
  struct matrix matrix = {.samples = s, .by_sample = is_by_sample((double)s->total, s->n)};
  matrix.size = matrix.by_sample ? (size_t)s->total : s->n;
  matrix.rows = memory_new(double, (size_t)s->rows.count *columns);
  if (matrix.by_sample) matrix.all = memory_new(double, s->n *columns);
  return matrix;
}

static void matrix_free(struct matrix *matrix) {
  memory_free(&matrix->rows);
  memory_free(&matrix->all);
}

// image [size][columns] = matrix x
static void apply(const struct matrix *m, size_t columns, const double *x, double *image) {
  if (m->by_sample) {
    pod_samples_to_entries(m->samples, columns, x, m->all);
    pod_samples_to_rows(m->samples, columns, m->all, m->rows);
    pod_samples_share_rows(m->samples, columns, m->rows, image);
  } else {
    double *all = memory_new(double, (size_t)m->samples->total *columns);
    pod_samples_to_rows(m->samples, columns, x, m->rows);
    pod_samples_share_rows(m->samples, columns, m->rows, all);
    pod_samples_to_entries(m->samples, columns, all, image);
    memory_free(&all);
  }
}

// ---- all eigenpairs ----

// The leading `count` vectors, [size][columns].
static void solve_directly(const struct matrix *m, size_t count, size_t columns, double *x,
                           double *values) {
  enum { TOGETHER = 64 };
  const size_t size = m->size;
  double *whole = memory_new(double, size *size), *vectors = memory_new(double, size *size);
  double *unit = memory_new(double, size *TOGETHER), *image = memory_new(double, size *TOGETHER);
  double *all = memory_new(double, size);
  for (size_t first = 0; first < size; first += TOGETHER) {
    memset(unit, 0, size * TOGETHER * sizeof *unit);
    for (size_t k = 0; k < TOGETHER && first + k < size; k++)
      unit[(first + k) * TOGETHER + k] = 1.0;
    apply(m, TOGETHER, unit, image);
    for (size_t i = first; i < size; i++)
      for (size_t k = 0; k < TOGETHER && first + k <= i; k++)
        whole[i * size + first + k] = image[i * TOGETHER + k];
  }
  dense_eigen(size, whole, all, vectors);
  for (size_t k = 0; k < count; k++) {
    values[k] = all[k];
    for (size_t i = 0; i < size; i++) x[i * columns + k] = vectors[k * size + i];
  }
  memory_free(&whole);
  memory_free(&vectors);
  memory_free(&unit);
  memory_free(&image);
  memory_free(&all);
}

// ---- the leading ones of a large matrix: block Lanczos without its recursion, begun again from
// the best vectors of a cycle (Golub and Van Loan 2013, section 10.3) ----

// c [b][b] = x^T y
static void inner(size_t size, size_t b, const double *x, const double *y, double *c) {
  memset(c, 0, b * b * sizeof *c);
  dense_multiply(&(struct dense_product){.rows = b,
                                         .depth = size,
                                         .columns = b,
                                         .a = x,
                                         .row_step = 1,
                                         .depth_step = b,
                                         .b = y,
                                         .b_stride = b,
                                         .c = c,
                                         .c_stride = b});
}

// y += x c, with c [b][b]
static void combine(size_t size, size_t b, const double *x, const double *c, double *y) {
  dense_multiply(&(struct dense_product){.rows = size,
                                         .depth = b,
                                         .columns = b,
                                         .a = x,
                                         .row_step = b,
                                         .depth_step = 1,
                                         .b = c,
                                         .b_stride = b,
                                         .c = y,
                                         .c_stride = b});
}

struct krylov {
  struct matrix matrix;
  size_t size, b, k;                 // numbers in a vector, vectors of a block, of all blocks
  double *basis[BLOCKS];             // [size][b] orthonormal; what is linearly dependent is 0
  double *image[BLOCKS];             // [size][b] the matrix times it
  double *spare;                     // [size][b]
  double *small, *values, *vectors;  // [k][k], [k], [k][k]
  double *corner;                    // [b][b]
};

static struct krylov krylov_create(const struct pod_samples *samples, size_t b) {
  struct krylov s = {.matrix = matrix_create(samples, b), .b = b, .k = BLOCKS * b};
  s.size = s.matrix.size;
  for (size_t i = 0; i < BLOCKS; i++) {
    s.basis[i] = memory_new(double, s.size *b);
    s.image[i] = memory_new(double, s.size *b);
  }
  s.spare = memory_new(double, s.size *b);
  s.small = memory_new(double, s.k *s.k);
  s.values = memory_new(double, s.k);
  s.vectors = memory_new(double, s.k *s.k);
  s.corner = memory_new(double, b *b);
  return s;
}

static void krylov_free(struct krylov *s) {
  matrix_free(&s->matrix);
  for (size_t i = 0; i < BLOCKS; i++) {
    memory_free(&s->basis[i]);
    memory_free(&s->image[i]);
  }
  memory_free(&s->spare);
  memory_free(&s->small);
  memory_free(&s->values);
  memory_free(&s->vectors);
  memory_free(&s->corner);
}

// Removes from a block its components along the earlier blocks.
static void project(struct krylov *s, size_t block) {
  for (size_t i = 0; i < block; i++) {
    inner(s->size, s->b, s->basis[i], s->basis[block], s->corner);
    for (size_t e = 0; e < s->b * s->b; e++) s->corner[e] = -s->corner[e];
    combine(s->size, s->b, s->basis[i], s->corner, s->basis[block]);
  }
}

// Makes a block's columns orthonormal by the eigenpairs of their scalar products; the last ones
// become 0 if it has fewer dimensions (Stathopoulos and Wu 2002).
static void straighten(struct krylov *s, size_t block) {
  const size_t b = s->b;
  double *length = s->values, *value = s->values + b, *vector = s->vectors;
  inner(s->size, b, s->basis[block], s->basis[block], s->corner);
  for (size_t i = 0; i < b; i++) length[i] = sqrt(s->corner[i * b + i]);
  for (size_t i = 0; i < b; i++)
    for (size_t j = 0; j <= i; j++) {
      const double both = length[i] * length[j];
      s->corner[i * b + j] = both > 0.0 ? s->corner[i * b + j] / both : 0.0;
    }
  dense_eigen(b, s->corner, value, vector);
  for (size_t i = 0; i < b; i++)
    for (size_t k = 0; k < b; k++) {
      const double scale = length[i] * sqrt(fmax(value[k], 0.0));
      const bool there = length[i] > 0.0 && value[k] > 64.0 * rounding * value[0];
      s->corner[i * b + k] = there ? vector[k * b + i] / scale : 0.0;
    }
  memset(s->spare, 0, s->size * b * sizeof *s->spare);
  combine(s->size, b, s->basis[block], s->corner, s->spare);
  memcpy(s->basis[block], s->spare, s->size * b * sizeof *s->spare);
}

static void orthonormalise(struct krylov *s, size_t block) {
  for (int pass = 0; pass < 2; pass++) {
    project(s, block);
    straighten(s, block);
  }
}

// Eigenpairs of the matrix projected onto the basis.
static void solve_small(struct krylov *s) {
  const size_t b = s->b, k = s->k;
  for (size_t i = 0; i < BLOCKS; i++)
    for (size_t j = 0; j <= i; j++) {
      inner(s->size, b, s->basis[i], s->image[j], s->corner);
      for (size_t row = 0; row < b; row++)
        memcpy(s->small + (i * b + row) * k + j * b, s->corner + row * b, b * sizeof *s->corner);
    }
  dense_eigen(k, s->small, s->values, s->vectors);
}

// The first block becomes the best b vectors of the space of `blocks`, and of their images.
static void turn(struct krylov *s, double *const *blocks) {
  const size_t b = s->b;
  memset(s->spare, 0, s->size * b * sizeof *s->spare);
  for (size_t i = 0; i < BLOCKS; i++) {
    for (size_t row = 0; row < b; row++)
      for (size_t c = 0; c < b; c++) s->corner[row * b + c] = s->vectors[c * s->k + i * b + row];
    combine(s->size, b, blocks[i], s->corner, s->spare);
  }
  memcpy(blocks[0], s->spare, s->size * b * sizeof *s->spare);
}

static double sum_of(size_t count, const double *values) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

static void solve_by_cycles(const struct pod_samples *samples, size_t count, size_t b, double *x,
                            double *values) {
  const double all = pod_samples_squares(samples);
  struct krylov s = krylov_create(samples, b);
  for (size_t i = 0; i < s.size; i++)
    for (size_t c = 0; c < b; c++) s.basis[0][i * b + c] = rng_uniform(0, RNG_POD, c, i) - 0.5;
  orthonormalise(&s, 0);
  apply(&s.matrix, b, s.basis[0], s.image[0]);
  double before = 0.0;
  for (int cycle = 0; cycle < CYCLES; cycle++) {
    for (size_t i = 1; i < BLOCKS; i++) {
      memcpy(s.basis[i], s.image[i - 1], s.size * b * sizeof *s.basis[i]);
      orthonormalise(&s, i);
      apply(&s.matrix, b, s.basis[i], s.image[i]);
    }
    solve_small(&s);
    turn(&s, s.basis);
    turn(&s, s.image);
    const double found = sum_of(count, s.values);
    if (found - before <= still * fmax(all - found, rounding * all)) break;
    before = found;
  }
  memcpy(values, s.values, count * sizeof *values);
  memcpy(x, s.basis[0], s.size * b * sizeof *x);
  krylov_free(&s);
}

// ---- from vectors to modes ----

// Removes from row k its components along the earlier rows; returns the fraction of its length that
// is left.
static double reduce(size_t k, size_t n, double *rows) {
  double *row = rows + k * n;
  const double before = dense_dot(n, row, row);
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < k; i++) {
      const double part = dense_dot(n, rows + i * n, row);
      for (size_t j = 0; j < n; j++) row[j] -= part * rows[i * n + j];
    }
  const double after = dense_dot(n, row, row);
  for (size_t j = 0; j < n && after > 0.0; j++) row[j] /= sqrt(after);
  return before > 0.0 ? sqrt(after / before) : 0.0;
}

// Row k becomes the part of a coordinate axis orthogonal to the earlier rows, for the axis of which
// they contain least.
static void replace(size_t k, size_t n, double *rows) {
  size_t best = 0;
  double least = INFINITY;
  for (size_t j = 0; j < n; j++) {
    double part = 0.0;
    for (size_t i = 0; i < k; i++) part += rows[i * n + j] * rows[i * n + j];
    if (part < least) best = j;
    least = fmin(part, least);
  }
  memset(rows + k * n, 0, n * sizeof *rows);
  rows[k * n + best] = 1.0;
  reduce(k, n, rows);
}

static void fix_sign(size_t n, double *row) {
  size_t largest = 0;
  for (size_t j = 1; j < n; j++)
    if (fabs(row[j]) > fabs(row[largest])) largest = j;
  if (row[largest] >= 0.0) return;
  for (size_t j = 0; j < n; j++) row[j] = 0.0 - row[j];
}

void pod_modes_orthonormalise(size_t d, size_t n, double *rows, double *s) {
  for (size_t k = 0; k < d; k++) {
    if (k >= n) {
      memset(rows + k * n, 0, n * sizeof *rows);
      s[k] = 0.0;
      continue;
    }
    const double left = reduce(k, n, rows);
    if (s[k] == 0.0 || left < 1e-6) {
      s[k] = 0.0;
      replace(k, n, rows);
    }
    fix_sign(n, rows + k * n);
  }
}

// Sets eigenvalues to 0 that are mere rounding errors of the largest one or of the mean.
static void find_deviations(const struct pod_samples *samples, size_t d, const double *values,
                            double *s) {
  const double total = (double)samples->total;
  double mean = 0.0;
  for (size_t j = 0; j < samples->n; j++) {
    const double part = samples->mean[j] * samples->factor[j];
    mean += part * part;
  }
  const double least = fmax(64.0 * rounding * values[0], rounding * rounding * total * mean);
  bool there = true;
  for (size_t k = 0; k < d; k++) {
    there = there && values[k] > least;
    s[k] = there ? sqrt(values[k] / total) : 0.0;
  }
}

static size_t wanted_of(size_t d, size_t size) { return d < size ? d : size; }

static bool is_direct(size_t size, size_t b) { return size <= DIRECT || size <= BLOCKS * b; }

void pod_modes_find(const struct pod_samples *samples, size_t d, double *modes, double *s) {
  const size_t n = samples->n, b = padded(d + SPARE);
  struct matrix matrix = matrix_create(samples, b > 64 ? b : 64);
  const size_t wanted = wanted_of(d, matrix.size);
  double *x = memory_new(double, matrix.size *b), *values = memory_new(double, d);
  if (is_direct(matrix.size, b))
    solve_directly(&matrix, wanted, b, x, values);
  else
    solve_by_cycles(samples, wanted, b, x, values);
  find_deviations(samples, d, values, s);
  double *by_entry = x;
  if (matrix.by_sample) {
    by_entry = memory_new(double, n *b);
    pod_samples_to_entries(samples, b, x, by_entry);
  }
  for (size_t k = 0; k < d; k++)
    for (size_t j = 0; j < n; j++) modes[k * n + j] = k < wanted ? by_entry[j * b + k] : 0.0;
  pod_modes_orthonormalise(d, n, modes, s);
  if (by_entry != x) memory_free(&by_entry);
  matrix_free(&matrix);
  memory_free(&x);
  memory_free(&values);
}

double pod_modes_bytes(double total, size_t n, size_t d) {
  const double b = (double)padded(d + SPARE), size = fmin(total, (double)n);
  const double width = fmax(b, 64.0);
  const double numbers = is_direct((size_t)size, (size_t)b) ? 2.0 * size * size + 2.0 * 64.0 * size
                                                            : (2.0 * BLOCKS + 1.0) * size * b;
  return (numbers + 2.0 * (total + (double)n) * width + (double)(d * n)) * (double)sizeof(double);
}
