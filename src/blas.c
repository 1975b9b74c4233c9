#include "blas.h"

#include <cblas.h>
#include <string.h>

#include "memory.h"
#include "rng.h"

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

enum { HALF = BLAS_ROWS / 2 };

size_t blas_row_class(const struct blas_rule *rule, size_t row) {
  return rule->classes == 2 ? row / HALF % 2 : row % rule->classes;
}

size_t blas_class_row(const struct blas_rule *rule, size_t class, size_t k) {
  if (rule->classes == 2) return k / HALF * BLAS_ROWS + class * HALF + k % HALF;
  return k * rule->classes + class;
}

size_t blas_rows_needed(const struct blas_rule *rule, size_t per_class) {
  const size_t rows = (per_class * rule->classes + BLAS_ROWS - 1) / BLAS_ROWS * BLAS_ROWS;
  return rows < rule->least ? rule->least : rows;
}

// A trial of products with the given b: rows hold one and the same sample, beside noise.
struct trial {
  bool transpose_b;
  size_t n, k, lda, ldc;
  real *a, *b, *c;
  real *reference;  // [classes][n] the first result seen in each class
  bool *seen;       // [classes]
};

static void fill(real *x, size_t count, uint64_t key) {
  for (size_t i = 0; i < count; i++) x[i] = (real)(rng_uniform(key, RNG_TEST, i, 0) - 0.5);
}

static bool trial_rows_agree(struct trial *trial, const struct blas_rule *rule, size_t rows) {
  blas_gemm(false, trial->transpose_b, rows, trial->n, trial->k, trial->a, trial->lda, trial->b,
            trial->transpose_b ? trial->k : trial->n, 0, trial->c, trial->ldc);
  for (size_t row = 0; row < rows; row++) {
    const size_t class = blas_row_class(rule, row);
    const real *result = trial->c + row * trial->ldc;
    real *reference = trial->reference + class * trial->n;
    if (!trial->seen[class]) memcpy(reference, result, trial->n * sizeof *result);
    trial->seen[class] = true;
    if (memcmp(reference, result, trial->n * sizeof *result) != 0) return false;
  }
  return true;
}

// With the classes of the rule: the fewest rows down from `most` with which the bits stay the same;
// 0 if not even the rows of the largest product agree.
static size_t trial_least(struct trial *trial, const struct blas_rule *rule) {
  size_t least = 0;
  memset(trial->seen, 0, rule->classes * sizeof *trial->seen);
  for (size_t rows = rule->most; rows >= rule->least; rows -= BLAS_ROWS) {
    if (!trial_rows_agree(trial, rule, rows)) break;
    least = rows;
  }
  return least;
}

void blas_rule_narrow(struct blas_rule *rule, bool transpose_b, size_t n, size_t k) {
  struct trial trial = {.transpose_b = transpose_b, .n = n, .k = k};
  trial.lda = real_padded(k);
  trial.ldc = real_padded(n);
  trial.a = memory_new(real, rule->most * trial.lda);
  trial.b = memory_new(real, n * k);
  trial.c = memory_new(real, rule->most * trial.ldc);
  trial.reference = memory_new(real, rule->most * n);
  trial.seen = memory_new(bool, rule->most);
  fill(trial.a, k, 1);
  for (size_t row = 1; row < rule->most; row++)
    memcpy(trial.a + row * trial.lda, trial.a, k * sizeof *trial.a);
  fill(trial.b, n * k, 2);

  // Small products are worth more than free placement among two classes; more classes are a last
  // resort, the last of which (each row its own class, one row count) always holds.
  const size_t choices[] = {1, 2, BLAS_ROWS, rule->most};
  struct blas_rule best = {.least = 0};
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    struct blas_rule candidate = *rule;
    candidate.classes = choices[i];
    if (candidate.classes < rule->classes || (best.least != 0 && candidate.classes > 2)) continue;
    candidate.least = trial_least(&trial, &candidate);
    if (candidate.least != 0 && (best.least == 0 || candidate.least < best.least)) best = candidate;
  }
  *rule = best;

  memory_free(&trial.a);
  memory_free(&trial.b);
  memory_free(&trial.c);
  memory_free(&trial.reference);
  memory_free(&trial.seen);
}
