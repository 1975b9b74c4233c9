// Matrix products: the one module that calls BLAS. All matrices are row-major.
#ifndef GFE_BLAS_H
#define GFE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "real.h"

// One thread per rank, whatever the library's default. To be called first.
void blas_start(void);

// The kernel that OpenBLAS selected for this CPU, and the library's version (static).
const char *blas_kernel(void);
const char *blas_library(void);

// c[m][n] = op(a) op(b) + beta c, with op(a) of m x k and op(b) of k x n; `lda`, `ldb`, `ldc` are the
// strides of the rows as stored.
void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const real *a,
               size_t lda, const real *b, size_t ldb, real beta, real *c, size_t ldc);

// Which products give a sample's row the same bits wherever and beside whatever it stands. OpenBLAS
// treats rows in groups, so the rule depends on kernel and shapes, and it is found by trial: a product
// may have any multiple of BLAS_ROWS rows from `least` to `most`, and a sample that once stood in a
// row of one class must always stand in one of that class.
enum { BLAS_ROWS = 12 };
struct blas_rule {
  size_t least, most;
  size_t classes;  // 1: any row; 2: alternate groups of six; BLAS_ROWS: row mod 12; `most`: that row
};

// The class of row `row`, and the row of the k-th sample of a class.
size_t blas_row_class(const struct blas_rule *rule, size_t row);
size_t blas_class_row(const struct blas_rule *rule, size_t class, size_t k);

// The rows a product needs for `per_class` samples in the fullest class.
size_t blas_rows_needed(const struct blas_rule *rule, size_t per_class);

// Narrows *rule (begin with least = BLAS_ROWS, classes = 1 and the most rows wanted, a multiple of
// BLAS_ROWS) until it holds for products c = a op(b) with op(b) of k x n. Not collective; the ranks
// must then agree on the most restrictive rule.
void blas_rule_narrow(struct blas_rule *rule, bool transpose_b, size_t n, size_t k);

#endif
