// The rule of placement must hold on the kernel in use: the program's answer is tested here with
// other numbers and neighbours than the program itself tries.
#include <string.h>

#include "decoder/placement.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/blas.h"
#include "support/test.h"

static void rows_of_classes(const struct placement_rule *rule) {
  bool *seen = memory_new(bool, rule->most);
  for (size_t class = 0; class < rule->classes; class ++)
    for (size_t k = 0; k < rule->most / rule->classes; k++) {
      const size_t row = placement_row(rule, class, k);
      CHECK(row < rule->most && !seen[row], "row %zu is used twice", row);
      CHECK(placement_class(rule, row) == class, "row %zu is of class %zu", row, class);
      CHECK(row < placement_rows_needed(rule, k + 1), "row %zu is outside", row);
      seen[row] = true;
    }
  memory_free(&seen);
}

// One sample in every row that its class allows, among other samples, in products of every size.
static void rule_holds(const struct placement_rule *rule, bool transpose_b, size_t n, size_t k) {
  const size_t lda = real_padded(k), ldc = real_padded(n);
  real *a = memory_new(real, rule->most * lda), *b = memory_new(real, n * k);
  real *c = memory_new(real, rule->most * ldc), *reference = memory_new(real, n);
  for (size_t i = 0; i < n * k; i++) b[i] = (real)(rng_uniform(11, RNG_TEST, 1, i) - 0.5);
  size_t wrong = 0, tried = 0;
  for (size_t class = 0; class < rule->classes && class < 3; class ++) {
    bool first = true;
    for (size_t rows = rule->least; rows <= rule->most; rows += PLACEMENT_ROWS)
      for (size_t row = 0; row < rows; row += 1 + row % 5) {
        if (placement_class(rule, row) != class) continue;
        for (size_t i = 0; i < rows * lda; i++)
          a[i] = (real)(rng_uniform(rows, RNG_TEST, row, i) - 0.5);
        for (size_t i = 0; i < k; i++)
          a[row * lda + i] = (real)(rng_uniform(12, RNG_TEST, 2, i) - 0.5);
        blas_gemm(false, transpose_b, rows, n, k, a, lda, b, transpose_b ? k : n, 0, c, ldc);
        if (first) memcpy(reference, c + row * ldc, n * sizeof *c);
        first = false;
        tried++;
        wrong += memcmp(reference, c + row * ldc, n * sizeof *c) != 0;
      }
  }
  CHECK(tried > 0 && wrong == 0, "%zu of %zu placements change the bits (n %zu, k %zu, %s)", wrong,
        tried, n, k, blas_kernel());
  memory_free(&a);
  memory_free(&b);
  memory_free(&c);
  memory_free(&reference);
}

int main(void) {
  blas_start();
  const size_t widths[] = {20, 150, 300, 600, 784};
  for (size_t most = PLACEMENT_ROWS; most <= 120; most += 108 - PLACEMENT_ROWS + 12) {
    struct placement_rule rule = {.least = PLACEMENT_ROWS, .most = most, .classes = 1};
    for (size_t l = 0; l + 1 < sizeof widths / sizeof *widths; l++) {
      placement_narrow(&rule, true, widths[l + 1], widths[l]);
      placement_narrow(&rule, false, widths[l], widths[l + 1]);
    }
    printf("%s: %zu to %zu rows, %zu classes\n", blas_kernel(), rule.least, rule.most,
           rule.classes);
    rows_of_classes(&rule);
    for (size_t l = 0; l + 1 < sizeof widths / sizeof *widths; l++) {
      rule_holds(&rule, true, widths[l + 1], widths[l]);
      rule_holds(&rule, false, widths[l], widths[l + 1]);
    }
  }
  struct placement_rule pinned = {.least = 24, .most = 24, .classes = 24};
  rows_of_classes(&pinned);
  return test_summary();
}
