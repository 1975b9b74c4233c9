#include "numerics/dense.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"

enum { LANES = 8 };

static double sum_lanes(const double lane[LANES]) {
  double sum = 0.0;
  for (size_t j = 0; j < LANES; j++) sum += lane[j];
  return sum;
}

double dense_dot(size_t n, const double *a, const double *b) {
  double lane[LANES] = {0.0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t j = 0; j < LANES; j++) lane[j] += a[i + j] * b[i + j];
  for (size_t j = 0; i < n; i++, j++) lane[j] += a[i] * b[i];
  return sum_lanes(lane);
}

double dense_dot_real(size_t n, const real *a, const real *b) {
  double lane[LANES] = {0.0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t j = 0; j < LANES; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
  for (size_t j = 0; i < n; i++, j++) lane[j] += (double)a[i] * (double)b[i];
  return sum_lanes(lane);
}

// y += factor x
static void add_multiple(size_t n, double factor, const double *restrict x, double *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

// Row by row, l_ij = (a_ij - sum_k<j l_ik l_jk) / l_jj; a block of columns at a time, so that its
// rows j stay in the cache while all rows i pass.
bool dense_cholesky(size_t n, double *a) {
  enum { BLOCK = 32 };
  for (size_t begin = 0; begin < n; begin += BLOCK)
    for (size_t i = begin; i < n; i++) {
      double *row = a + i * n;
      for (size_t j = begin; j < begin + BLOCK && j < i; j++)
        row[j] = (row[j] - dense_dot(j, row, a + j * n)) / a[j * n + j];
      if (i >= begin + BLOCK) continue;
      const double pivot = row[i] - dense_dot(i, row, row);
      if (!(pivot > 0.0 && isfinite(pivot))) return false;
      row[i] = sqrt(pivot);
    }
  return true;
}

void dense_cholesky_solve(size_t n, const double *l, size_t columns, double *b) {
  for (size_t k = 0; k < columns; k++) {
    double *x = b + k * n;
    for (size_t i = 0; i < n; i++) x[i] = (x[i] - dense_dot(i, l + i * n, x)) / l[i * n + i];
    for (size_t i = n; i-- > 0;) {
      x[i] /= l[i * n + i];
      add_multiple(i, -x[i], l + i * n, x);
    }
  }
}

// row[i] += sum over `count` rows k of l[k * step] row k of x, in place of the diagonal blocks.
static void add_rows(size_t count, const double *l, size_t step, size_t columns, const double *x,
                     double *row) {
  for (size_t k = 0; k < count; k++) add_multiple(columns, l[k * step], x + k * columns, row);
}

// Blocks of rows: what the solved ones contribute is a product. Each of the two passes leaves the
// negative of its solution, so that products are added.
void dense_cholesky_solve_beside(size_t n, const double *l, size_t columns, double *b) {
  enum { BLOCK = 32 };
  struct dense_product product = {
      .depth_step = 1, .columns = columns, .b_stride = columns, .c_stride = columns};
  for (size_t begin = 0; begin < n; begin += BLOCK) {  // L (-y) = -b
    const size_t end = begin + BLOCK < n ? begin + BLOCK : n;
    product.rows = end - begin;
    product.depth = begin;
    product.a = l + begin * n;
    product.row_step = n;
    product.b = b;
    product.c = b + begin * columns;
    dense_multiply(&product);
    for (size_t i = begin; i < end; i++) {
      double *row = b + i * columns;
      add_rows(i - begin, l + i * n + begin, 1, columns, b + begin * columns, row);
      for (size_t j = 0; j < columns; j++) row[j] /= -l[i * n + i];
    }
  }
  product.row_step = 1;
  product.depth_step = n;
  for (size_t end = n; end > 0;) {  // L^T x = y
    const size_t begin = (end - 1) / BLOCK * BLOCK;
    product.rows = end - begin;
    product.depth = n - end;
    product.a = l + end * n + begin;
    product.b = b + end * columns;
    product.c = b + begin * columns;
    dense_multiply(&product);
    for (size_t i = end; i-- > begin;) {
      double *row = b + i * columns;
      add_rows(end - i - 1, l + (i + 1) * n + i, n, columns, row + columns, row);
      for (size_t j = 0; j < columns; j++) row[j] /= -l[i * n + i];
    }
    end = begin;
  }
}

// ---- eigenpairs: a = Q T Q^T with Householder's reflections, T = Z D Z^T by implicit QL
// (EISPACK's tred2 and tql2; Golub and Van Loan 2013, sections 8.3.1 and 8.3.3). Both only record
// their effect on the rows of (Q Z)^T; many rotations are then applied to strips of 16 columns, one
// strip at a time while it is in the cache. ----

enum { STRIP = 16 };

struct rotation {
  double c, s;
  size_t row;  // turns it with the next
};

struct eigen {
  size_t n;
  double *diagonal, *beside;   // [n] of T; beside[i] between i and i + 1, the last 0
  double *strips;              // [n / 16, rounded up][n][16] (Q Z)^T
  struct rotation *rotations;  // [capacity] not yet carried out
  size_t count, capacity;
};

// Row i and column i of the symmetric [i + 1][i + 1] part become (0, ..., 0, alpha, a_ii): reflects
// by 1 - u u^T / h with u = x - alpha e_(i-1), x = row i without its diagonal. u takes the place of
// x. Returns h, or 0 if there is nothing to do: x already has this form, far below rounding
// (entries of `a` are at most 1).
static double find_reflection(size_t i, double *x, double *alpha) {
  const double last = x[i - 1], rest = dense_dot(i - 1, x, x);
  *alpha = last;
  if (rest < 0x1p-150) return 0.0;
  const double square = rest + last * last;
  *alpha = last > 0.0 ? -sqrt(square) : sqrt(square);
  x[i - 1] = last - *alpha;
  return square - *alpha * last;
}

// The leading [i][i] part of a, reflected on both sides: a - u q^T - q u^T with p = a u / h and
// q = p - (u . p / 2 h) u.
static void reflect(size_t n, size_t i, double *a, const double *u, double h, double *q) {
  memset(q, 0, i * sizeof *q);
  for (size_t j = 0; j < i; j++) {
    const double *row = a + j * n;
    q[j] += dense_dot(j + 1, row, u);
    add_multiple(j, u[j], row, q);
  }
  for (size_t j = 0; j < i; j++) q[j] /= h;
  add_multiple(i, -dense_dot(i, u, q) / (2.0 * h), u, q);
  for (size_t j = 0; j < i; j++) {
    double *restrict row = a + j * n;
    const double uj = u[j], qj = q[j];
    for (size_t k = 0; k <= j; k++) row[k] -= uj * q[k] + qj * u[k];
  }
}

// Leaves u of reflection i in row i of `a`, its h in h[i].
static void make_tridiagonal(struct eigen *e, double *a, double *h) {
  double *q = memory_new(double, e->n);
  for (size_t i = e->n - 1; i > 0; i--) {
    double *row = a + i * e->n;
    e->diagonal[i] = row[i];
    h[i] = find_reflection(i, row, &e->beside[i - 1]);
    if (h[i] > 0.0) reflect(e->n, i, a, row, h[i], q);
  }
  e->diagonal[0] = a[0];
  memory_free(&q);
}

// strip -= u (u . strip) / h
static void reflect_strip(size_t i, const double *u, double h, double (*restrict strip)[STRIP]) {
  double product[STRIP] = {0.0};
  for (size_t k = 0; k < i; k++)
    for (size_t w = 0; w < STRIP; w++) product[w] += u[k] * strip[k][w];
  for (size_t w = 0; w < STRIP; w++) product[w] /= h;
  for (size_t k = 0; k < i; k++)
    for (size_t w = 0; w < STRIP; w++) strip[k][w] -= u[k] * product[w];
}

// The strips of Q^T: those of the identity, reflected. Columns beyond the last stay 0.
static void start_strips(struct eigen *e, const double *a, const double *h) {
  for (size_t first = 0; first < e->n; first += STRIP) {
    double(*strip)[STRIP] = (double(*)[STRIP])(void *)(e->strips + first * e->n);
    for (size_t w = 0; w < STRIP && first + w < e->n; w++) strip[first + w][w] = 1.0;
    for (size_t i = e->n - 1; i > 0; i--)
      if (h[i] > 0.0) reflect_strip(i, a + i * e->n, h[i], strip);
  }
}

static void rotate_strip(size_t count, const struct rotation *rotations, double (*strip)[STRIP]) {
  for (const struct rotation *r = rotations; r < rotations + count; r++) {
    double *restrict upper = strip[r->row], *restrict lower = strip[r->row + 1];
    for (size_t w = 0; w < STRIP; w++) {
      const double x = upper[w], y = lower[w];
      lower[w] = r->s * x + r->c * y;
      upper[w] = r->c * x - r->s * y;
    }
  }
}

static void carry_out(struct eigen *e) {
  for (size_t first = 0; first < e->n; first += STRIP)
    rotate_strip(e->count, e->rotations, (double(*)[STRIP])(void *)(e->strips + first * e->n));
  e->count = 0;
}

static void note(struct eigen *e, size_t row, double c, double s) {
  if (e->count == e->capacity) carry_out(e);
  e->rotations[e->count++] = (struct rotation){.c = c, .s = s, .row = row};
}

// One implicit QL step on rows `begin` to `end` of T, shifted by the eigenvalue of its upper 2 x 2
// corner that is nearer to the first diagonal element (Wilkinson).
static void step(struct eigen *e, size_t begin, size_t end) {
  double *d = e->diagonal, *b = e->beside;
  const double ratio = (d[begin + 1] - d[begin]) / (2.0 * b[begin]);
  const double root = sqrt(ratio * ratio + 1.0);
  double g = d[end] - d[begin] + b[begin] / (ratio + (ratio < 0.0 ? -root : root));
  double s = 1.0, c = 1.0, p = 0.0;
  for (size_t i = end; i-- > begin;) {
    const double f = s * b[i], rest = c * b[i], r = sqrt(f * f + g * g);
    b[i + 1] = r;
    if (r == 0.0) {  // T decouples here
      d[i + 1] -= p;
      b[end] = 0.0;
      return;
    }
    s = f / r;
    c = g / r;
    const double shifted = d[i + 1] - p, t = (d[i] - shifted) * s + 2.0 * c * rest;
    p = s * t;
    d[i + 1] = shifted + p;
    g = c * t - rest;
    note(e, i, c, s);
  }
  d[begin] -= p;
  b[begin] = g;
  b[end] = 0.0;
}

// T becomes diagonal. An off-diagonal element counts as 0 once it is below the rounding of the
// largest.
static bool make_diagonal(struct eigen *e) {
  enum { STEPS = 60 };  // of one eigenvalue; fewer than 2 are usual
  double norm = 0.0;
  for (size_t i = 0; i < e->n; i++) norm = fmax(norm, fabs(e->diagonal[i]) + fabs(e->beside[i]));
  const double small = 0x1p-53 * norm;
  for (size_t begin = 0; begin < e->n; begin++)
    for (int steps = 0;; steps++) {
      size_t end = begin;
      while (end + 1 < e->n && fabs(e->beside[end]) > small) end++;
      if (end == begin) break;
      if (steps == STEPS) return false;
      step(e, begin, end);
    }
  carry_out(e);
  return true;
}

// The largest component (the first of several) becomes positive.
static void fix_sign(size_t n, double *vector) {
  size_t largest = 0;
  for (size_t i = 1; i < n; i++)
    if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
  if (vector[largest] > 0.0) return;
  for (size_t i = 0; i < n; i++) vector[i] = -vector[i];
}

static void hand_over(const struct eigen *e, int exponent, double *values, double *vectors) {
  const size_t n = e->n;
  size_t *order = memory_new(size_t, n);
  for (size_t i = 0; i < n; i++) {  // insertion sort: equal ones keep their order
    size_t k = i;
    for (; k > 0 && e->diagonal[order[k - 1]] < e->diagonal[i]; k--) order[k] = order[k - 1];
    order[k] = i;
  }
  for (size_t k = 0; k < n; k++) {
    double *vector = vectors + k * n;
    values[k] = ldexp(e->diagonal[order[k]], exponent);
    for (size_t i = 0; i < n; i++)
      vector[i] = e->strips[i / STRIP * STRIP * n + order[k] * STRIP + i % STRIP];
    fix_sign(n, vector);
  }
  memory_free(&order);
}

// Scales the lower triangle by a power of two, so that the largest entry is between 1/2 and 1: no
// square overflows, and none that matters underflows. False if an entry is not finite.
static bool scale(size_t n, double *a, int *exponent) {
  double largest = 0.0;
  bool finite = true;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      finite = finite && isfinite(a[i * n + j]);
      largest = fmax(largest, fabs(a[i * n + j]));
    }
  if (!finite) return false;
  frexp(largest, exponent);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) a[i * n + j] = ldexp(a[i * n + j], -*exponent);
  return true;
}

bool dense_eigen(size_t n, double *a, double *values, double *vectors) {
  int exponent;
  if (!scale(n, a, &exponent)) return false;
  if (n == 0) return true;
  const size_t strips = (n + STRIP - 1) / STRIP;
  struct eigen e = {.n = n, .capacity = 64 * n};
  e.diagonal = memory_new(double, n);
  e.beside = memory_new(double, n);
  e.strips = memory_new(double, strips *n *STRIP);
  e.rotations = memory_new(struct rotation, e.capacity);
  double *h = memory_new(double, n);
  make_tridiagonal(&e, a, h);
  start_strips(&e, a, h);
  const bool good = make_diagonal(&e);
  if (good) hand_over(&e, exponent, values, vectors);
  memory_free(&e.diagonal);
  memory_free(&e.beside);
  memory_free(&e.strips);
  memory_free(&e.rotations);
  memory_free(&h);
  return good;
}
