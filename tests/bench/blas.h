// OpenBLAS's products, to compare those of the program with. All matrices are row-major.
#ifndef GFE_BLAS_H
#define GFE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"

// One thread per rank, whatever the library's default. To be called first.
void blas_start(void);

// The kernel that OpenBLAS selected for this CPU, and the library's version (static).
const char *blas_kernel(void);
const char *blas_library(void);

// c[m][n] = op(a) op(b) + beta c, with op(a) of m x k and op(b) of k x n; `lda`, `ldb`, `ldc` are
// the strides of the rows as stored.
void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const real *a,
               size_t lda, const real *b, size_t ldb, real beta, real *c, size_t ldc);

#endif
