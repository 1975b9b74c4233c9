// Factors and eigenpairs against their definitions, and known spectra. The entries above the
// diagonal are NaN throughout: nothing may read them.
#include <float.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/dense.h"
#include "support/isa_test.h"
#include "support/test.h"

static const size_t sizes[] = {1, 2, 3, 8, 15, 16, 17, 33, 64, 300};
enum { SIZES = sizeof sizes / sizeof *sizes };

static double draw(uint64_t i, uint64_t j) { return 2.0 * rng_uniform(7, RNG_TEST, i, j) - 1.0; }

static double entry(const double *lower, size_t n, size_t i, size_t j) {
  return i >= j ? lower[i * n + j] : lower[j * n + i];
}

// The product of `rank` random columns with their transpose, plus `more` on the diagonal; the
// caller's.
static double *gram(size_t n, size_t rank, double more) {
  double *a = memory_new(double, n *n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = i == j ? more : 0.0;
      for (size_t k = 0; k < rank; k++) sum += draw(i, k) * draw(j, k);
      a[i * n + j] = j <= i ? sum : NAN;
    }
  return a;
}

static double *copy_of(const double *a, size_t n) {
  double *copy = memory_new(double, n *n);
  memcpy(copy, a, n * n * sizeof *a);
  return copy;
}

static void factor(size_t n) {
  double *a = gram(n, n + 2, 0.1), *l = copy_of(a, n), worst = 0.0, largest = 0.0;
  CHECK(dense_cholesky(n, l), "n = %zu has a factor", n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0.0;
      for (size_t k = 0; k <= j; k++) sum += l[i * n + k] * l[j * n + k];
      worst = fmax(worst, fabs(sum - a[i * n + j]));
      largest = fmax(largest, fabs(a[i * n + j]));
    }
  CHECK(worst <= 4.0 * sqrt((double)n) * DBL_EPSILON * largest, "n = %zu: L L^T is off by %g", n,
        worst / largest);
  CHECK(n == 1 || isnan(l[1]), "the upper triangle stays");
  enum { COLUMNS = 3 };
  double *x = memory_new(double, n *COLUMNS);
  for (size_t i = 0; i < n * COLUMNS; i++) x[i] = draw(i, 1000);
  dense_cholesky_solve(n, l, COLUMNS, x);
  worst = 0.0;
  double length = 0.0;
  for (size_t k = 0; k < COLUMNS; k++)
    for (size_t i = 0; i < n; i++) {
      double sum = -draw(k * n + i, 1000);
      for (size_t j = 0; j < n; j++) sum += entry(a, n, i, j) * x[k * n + j];
      worst = fmax(worst, fabs(sum));
      length = fmax(length, fabs(x[k * n + i]));
    }
  CHECK(worst <= 10.0 * (double)n * DBL_EPSILON * fmax(1.0, largest * length),
        "n = %zu: A x - b = %g", n, worst);
  double *beside = memory_new(double, n *DENSE_COLUMNS);
  for (size_t i = 0; i < n * DENSE_COLUMNS; i++)
    beside[i] =
        i % DENSE_COLUMNS < COLUMNS ? draw(i % DENSE_COLUMNS * n + i / DENSE_COLUMNS, 1000) : 0;
  dense_cholesky_solve_beside(n, l, DENSE_COLUMNS, beside);
  worst = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < COLUMNS; k++)
      worst = fmax(worst, fabs(beside[i * DENSE_COLUMNS + k] - x[k * n + i]));
  CHECK(worst <= 1e-8 * fmax(1.0, length), "n = %zu: beside each other %g away", n, worst);
  memory_free(&beside);
  memory_free(&a);
  memory_free(&l);
  memory_free(&x);
}

static void no_factor(void) {
  for (size_t k = 0; k < SIZES; k++) {
    const size_t n = sizes[k];
    double *a = gram(n, n + 2, 0.1);
    a[n * n - 1] = -a[n * n - 1];
    CHECK(!dense_cholesky(n, a), "n = %zu is indefinite", n);
    memset(a, 0, n * n * sizeof *a);
    CHECK(!dense_cholesky(n, a), "n = %zu is zero", n);
    memory_free(&a);
  }
  CHECK(!dense_cholesky(2, (double[]){1, NAN, 2, 4}), "semidefinite");
  CHECK(!dense_cholesky(2, (double[]){1, NAN, NAN, 4}), "not a number");
  CHECK(!dense_cholesky(1, (double[]){INFINITY}), "not finite");
}

// Destroys `a`; the eigenvalues go to `values`.
static void check_eigenpairs(const char *name, size_t n, double *a, double *values) {
  double *before = copy_of(a, n), *vectors = memory_new(double, n *n), largest = 0.0;
  CHECK(dense_eigen(n, a, values, vectors), "%s, n = %zu has eigenpairs", name, n);
  double residual = 0.0, angle = 0.0;
  int disorder = 0, negative = 0;
  for (size_t k = 0; k < n; k++) {
    const double *v = vectors + k * n;
    double most = 0.0;
    largest = fmax(largest, fabs(values[k]));
    disorder += k > 0 && values[k] > values[k - 1];
    for (size_t i = 0; i < n; i++) {
      double sum = -values[k] * v[i], product = i == k ? -1.0 : 0.0;
      for (size_t j = 0; j < n; j++) {
        sum += entry(before, n, i, j) * v[j];
        product += v[j] * vectors[i * n + j];
      }
      residual = fmax(residual, fabs(sum));
      angle = fmax(angle, fabs(product));
      if (fabs(v[i]) > fabs(most)) most = v[i];
    }
    negative += !(most > 0.0);
  }
  CHECK(disorder == 0, "%s, n = %zu: %d values out of order", name, n, disorder);
  CHECK(negative == 0, "%s, n = %zu: %d vectors of the wrong sign", name, n, negative);
  const double unit = 4.0 * (3.0 + sqrt((double)n)) * DBL_EPSILON;
  CHECK(residual <= unit * largest, "%s, n = %zu: A v - value v = %g of %g", name, n, residual,
        largest);
  CHECK(angle <= unit, "%s, n = %zu: V V^T - 1 = %g", name, n, angle);
  memory_free(&before);
  memory_free(&vectors);
}

static void eigenpairs(size_t n) {
  double *values = memory_new(double, n);
  double *full = gram(n, n + 2, 0.0), *low = gram(n, n / 3 + 1, 0.0);
  check_eigenpairs("full rank", n, full, values);
  CHECK(values[n - 1] > 0.0, "n = %zu: the last value is %g", n, values[n - 1]);
  check_eigenpairs("low rank", n, low, values);
  for (size_t k = n / 3 + 1; k < n; k++)
    CHECK(fabs(values[k]) <= 1e-15 * (double)n * values[0], "value %zu of low rank: %g", k,
          values[k]);
  double *indefinite = gram(n, 0, 0.0);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) indefinite[i * n + j] = draw(i, j);
  check_eigenpairs("indefinite", n, indefinite, values);
  memory_free(&full);
  memory_free(&low);
  memory_free(&indefinite);
  memory_free(&values);
}

static void known_spectra(size_t n) {
  const double pi = 3.14159265358979323846;
  double *values = memory_new(double, n), *second = gram(n, 0, 2.0);
  for (size_t i = 1; i < n; i++) second[i * n + i - 1] = -1.0;
  check_eigenpairs("second difference", n, second, values);
  for (size_t k = 0; k < n; k++) {
    const double expected = 2.0 + 2.0 * cos((double)(k + 1) * pi / (double)(n + 1));
    CHECK(fabs(values[k] - expected) < 4e-15, "value %zu of %zu: %.17g", k, n, values[k]);
  }
  double *ones = gram(n, 0, 0.0);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) ones[i * n + j] = 1.0;
  check_eigenpairs("ones", n, ones, values);
  CHECK(fabs(values[0] - (double)n) < 1e-14 * (double)n, "ones: %.17g, not %zu", values[0], n);
  CHECK(n == 1 || fabs(values[1]) < 1e-14 * (double)n, "ones: second is %g", values[1]);
  double *same = gram(n, 0, 5.0);
  check_eigenpairs("multiple of 1", n, same, values);
  CHECK(values[0] == 5.0 && values[n - 1] == 5.0, "%.17g, not 5", values[0]);
  double *zero = gram(n, 0, 0.0);
  check_eigenpairs("zero", n, zero, values);
  CHECK(values[0] == 0.0 && values[n - 1] == 0.0, "%.17g, not 0", values[0]);
  double *order = gram(n, 0, 0.0);
  for (size_t i = 0; i < n; i++) order[i * n + i] = (double)((i * 7) % n);
  check_eigenpairs("diagonal", n, order, values);
  CHECK(values[n - 1] == 0.0, "%.17g, not 0", values[n - 1]);
  memory_free(&second);
  memory_free(&ones);
  memory_free(&same);
  memory_free(&zero);
  memory_free(&order);
  memory_free(&values);
}

// Powers of two as factors change nothing but exponents, however large or small.
static void extremes(void) {
  enum { N = 20 };
  double values[N], scaled[N], *plain = gram(N, N, 0.0);
  const int exponents[] = {-900, 900};
  for (int k = 0; k < 2; k++) {
    double *a = copy_of(plain, N), *b = copy_of(plain, N);
    for (size_t i = 0; i < (size_t)N * N; i++) b[i] = ldexp(b[i], exponents[k]);
    check_eigenpairs("plain", N, a, values);
    check_eigenpairs("scaled", N, b, scaled);
    for (size_t i = 0; i < N; i++)
      CHECK(scaled[i] == ldexp(values[i], exponents[k]), "value %zu times 2^%d", i, exponents[k]);
    memory_free(&a);
    memory_free(&b);
  }
  memory_free(&plain);
  double vectors[4];
  CHECK(!dense_eigen(2, (double[]){1, NAN, NAN, 4}, values, vectors), "not a number");
  CHECK(!dense_eigen(2, (double[]){1, NAN, 2, INFINITY}, values, vectors), "not finite");
  CHECK(dense_eigen(2, (double[]){1, NAN, -2, 1}, values, vectors), "a swap");
  CHECK(fabs(values[0] - 3.0) < 1e-15 && fabs(values[1] + 1.0) < 1e-15, "%.17g and %.17g",
        values[0], values[1]);
}

// Products must be their chain of fma, and the other kernels what they say, bit by bit on every
// instruction set, whatever is left of rows and columns.
static void kernels(const char *name, size_t rows, size_t depth, size_t columns) {
  double *a = memory_new(double, rows *depth), *b = memory_new(double, depth *columns);
  double *c = memory_new(double, rows *columns), *scaled = memory_new(double, depth *columns);
  double *softplus = memory_new(double, depth), *sigmoid = memory_new(double, depth);
  for (size_t i = 0; i < rows * depth; i++) a[i] = draw(i, 1);
  for (size_t i = 0; i < depth * columns; i++) b[i] = draw(i, 2);
  for (size_t i = 0; i < rows * columns; i++) c[i] = draw(i, 3);
  dense_multiply(&(struct dense_product){.rows = rows,
                                         .depth = depth,
                                         .columns = columns,
                                         .a = a,
                                         .row_step = 1,
                                         .depth_step = rows,
                                         .b = b,
                                         .b_stride = columns,
                                         .c = c,
                                         .c_stride = columns});
  dense_scale_rows(depth, columns, a, b, scaled);
  dense_logistic(depth, b, softplus, sigmoid);
  size_t wrong = 0;
  double worst = 0.0;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      double chain = 0.0;
      for (size_t k = 0; k < depth; k++) chain = fma(a[k * rows + i], b[k * columns + j], chain);
      wrong += c[i * columns + j] != draw(i * columns + j, 3) + chain;
    }
  for (size_t k = 0; k < depth; k++) {
    for (size_t j = 0; j < columns; j++)
      wrong += scaled[k * columns + j] != a[k] * b[k * columns + j];
    worst = fmax(worst, fabs(softplus[k] - log1p(exp(b[k]))));
    worst = fmax(worst, fabs(sigmoid[k] - 1.0 / (1.0 + exp(-b[k]))));
  }
  CHECK(wrong == 0, "%s, %zu x %zu x %zu: %zu numbers are wrong", name, rows, depth, columns,
        wrong);
  CHECK(worst < 1e-15, "%s: the logistic function is off by %g", name, worst);
  memory_free(&a);
  memory_free(&b);
  memory_free(&c);
  memory_free(&scaled);
  memory_free(&softplus);
  memory_free(&sigmoid);
}

int main(void) {
  for (size_t k = 0; k < SIZES; k++) {
    factor(sizes[k]);
    eigenpairs(sizes[k]);
    known_spectra(sizes[k]);
  }
  no_factor();
  extremes();
  for (int isa = 0; isa < ISA_COUNT; isa++) {
    if (!isa_test_use((enum isa)isa)) continue;
    kernels(isa_name(isa), 30, 17, 32);
    kernels(isa_name(isa), 5, 300, 16);
  }
  return test_summary();
}
