#include "bench/blas.h"

#include <cblas.h>

void blas_start(void) { openblas_set_num_threads(1); }

const char *blas_kernel(void) { return openblas_get_corename(); }

const char *blas_library(void) { return openblas_get_config(); }

void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const real *a,
               size_t lda, const real *b, size_t ldb, real beta, real *c, size_t ldc) {
  const enum CBLAS_TRANSPOSE a_form = transpose_a ? CblasTrans : CblasNoTrans;
  const enum CBLAS_TRANSPOSE b_form = transpose_b ? CblasTrans : CblasNoTrans;
#ifdef GFE_DOUBLE
  cblas_dgemm(CblasRowMajor, a_form, b_form, (blasint)m, (blasint)n, (blasint)k, 1.0, a,
              (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
#else
  cblas_sgemm(CblasRowMajor, a_form, b_form, (blasint)m, (blasint)n, (blasint)k, 1.0f, a,
              (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
#endif
}
