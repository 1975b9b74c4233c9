#include "decoder/placement.h"

#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/blas.h"

enum { HALF = PLACEMENT_ROWS / 2 };

size_t placement_class(const struct placement_rule *rule, size_t row) {
  return rule->classes == 2 ? row / HALF % 2 : row % rule->classes;
}

size_t placement_row(const struct placement_rule *rule, size_t class, size_t k) {
  if (rule->classes == 2) return k / HALF * PLACEMENT_ROWS + class * HALF + k % HALF;
  return k * rule->classes + class;
}

size_t placement_rows_needed(const struct placement_rule *rule, size_t per_class) {
  const size_t rows =
      (per_class * rule->classes + PLACEMENT_ROWS - 1) / PLACEMENT_ROWS * PLACEMENT_ROWS;
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

static bool trial_rows_agree(struct trial *trial, const struct placement_rule *rule, size_t rows) {
  blas_gemm(false, trial->transpose_b, rows, trial->n, trial->k, trial->a, trial->lda, trial->b,
            trial->transpose_b ? trial->k : trial->n, 0, trial->c, trial->ldc);
  for (size_t row = 0; row < rows; row++) {
    const size_t class = placement_class(rule, row);
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
static size_t trial_least(struct trial *trial, const struct placement_rule *rule) {
  size_t least = 0;
  memset(trial->seen, 0, rule->classes * sizeof *trial->seen);
  for (size_t rows = rule->most; rows >= rule->least; rows -= PLACEMENT_ROWS) {
    if (!trial_rows_agree(trial, rule, rows)) break;
    least = rows;
  }
  return least;
}

void placement_narrow(struct placement_rule *rule, bool transpose_b, size_t n, size_t k) {
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
  const size_t choices[] = {1, 2, PLACEMENT_ROWS, rule->most};
  struct placement_rule best = {.least = 0};
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    struct placement_rule candidate = *rule;
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

struct placement *placement_create(const struct placement_rule *rule) {
  struct placement *placement = memory_new(struct placement, 1);
  placement->rule = rule;
  placement->filled = memory_new(size_t, rule->classes);
  return placement;
}

void placement_destroy(struct placement **placement) {
  if (*placement == NULL) return;
  memory_free(&(*placement)->filled);
  memory_free(placement);
}

void placement_begin(struct placement *p) {
  memset(p->filled, 0, p->rule->classes * sizeof *p->filled);
  p->fullest = 0;
}

bool placement_take(struct placement *p, int64_t position, size_t *row) {
  const size_t class = (size_t)position % p->rule->classes;
  if (p->filled[class] == p->rule->most / p->rule->classes) return false;
  *row = placement_row(p->rule, class, p->filled[class]++);
  if (p->filled[class] > p->fullest) p->fullest = p->filled[class];
  return true;
}

size_t placement_rows(const struct placement *p) {
  return p->fullest == 0 ? 0 : placement_rows_needed(p->rule, p->fullest);
}
