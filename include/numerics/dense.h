// Small dense algebra in double, up to a few thousand rows, for use wherever it affects the bits of
// a result: the same bits with every compiler and CPU, which LAPACK does not guarantee. Each sum
// has a fixed order, whatever the width of the vectors. Matrices are row-major [n][n]; only the
// lower triangle of a symmetric one is read.
#ifndef GFE_DENSE_H
#define GFE_DENSE_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"

// a . b in 8 partial sums, which are then added one after the other; the numbers beyond the last
// full group of 8 are added to the first of these.
double dense_dot(size_t n, const double *a, const double *b);
double dense_dot_real(size_t n, const real *a, const real *b);

// Replaces the lower triangle by the Cholesky factor L of a = L L^T; the part above it is
// unchanged. False, with the triangle partly overwritten, if `a` is not positive definite, up to
// rounding, or not finite. About n^3 / 3 operations (Golub and Van Loan 2013, section 4.2).
bool dense_cholesky(size_t n, double *a);

// Solves L L^T x = b in place for `columns` right-hand sides, one after the other in b
// [columns][n].
void dense_cholesky_solve(size_t n, const double *l, size_t columns, double *b);

// The same for right-hand sides beside each other, b [n][columns] with a multiple of DENSE_COLUMNS
// of them, at the speed of dense_multiply(). The bits differ from those of dense_cholesky_solve().
enum { DENSE_COLUMNS = 16 };
void dense_cholesky_solve_beside(size_t n, const double *l, size_t columns, double *b);

// All eigenvalues of a symmetric matrix, descending, in values [n], and orthonormal eigenvectors in
// the rows of vectors [n][n], each with its component of largest magnitude (the first of several)
// positive. `a` is destroyed. Errors of eigenvalues are a few units in the last place of the
// largest: those that should be 0 may be slightly negative. False if `a` is not finite (what is
// returned is then undefined). About 9 n^3 operations; memory for 2 n^2 numbers beyond the
// arguments.
bool dense_eigen(size_t n, double *a, double *values, double *vectors);

// c += a b for a [rows][depth], b [depth][columns]: each sum is a chain of fused multiply-adds over
// the depth from 0 on, added to c. Runs close to the machine's peak speed.
struct dense_product {
  size_t rows, depth, columns;  // the columns a multiple of DENSE_COLUMNS
  const double *a;
  size_t row_step, depth_step;  // from one element of `a` to the next
  const double *b;
  size_t b_stride;
  double *c;
  size_t c_stride;
};
void dense_multiply(const struct dense_product *product);

// scaled [rows][columns]: each row of x times its factor; `columns` as above.
void dense_scale_rows(size_t rows, size_t columns, const double *factor, const double *x,
                      double *scaled);

// softplus(x) = log(1 + e^x) and the logistic function 1 / (1 + e^-x) of `count` numbers, as in
// numerics/elementary.h, in double.
void dense_logistic(size_t count, const double *x, double *softplus, double *sigmoid);

#endif
