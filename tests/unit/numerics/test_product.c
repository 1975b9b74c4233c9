// Products against the order that product.h promises, bit for bit, on every instruction set here:
// fma() chains of at most PRODUCT_CHAIN terms, and their sums one after the other.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/product.h"
#include "support/isa_test.h"

static real fma_of(real a, real b, real c) {
#ifdef GFE_DOUBLE
  return fma(a, b, c);
#else
  return fmaf(a, b, c);
#endif
}

static void fill(real *x, size_t count, uint64_t key) {
  for (size_t i = 0; i < count; i++) x[i] = (real)(rng_uniform(key, RNG_TEST, i, 0) - 0.5);
}

// begin + sum over k of a[k a_stride] b[k b_stride], in the order promised.
static real chain(real begin, bool add, size_t terms, const real *a, size_t a_stride, const real *b,
                  size_t b_stride) {
  real total = begin;
  for (size_t k = 0; k == 0 || k < terms; k += PRODUCT_CHAIN) {
    real sum = k == 0 && !add ? begin : 0;
    for (size_t l = k; l < terms && l < k + PRODUCT_CHAIN; l++)
      sum = fma_of(a[l * a_stride], b[l * b_stride], sum);
    total = k == 0 && !add ? sum : total + sum;
  }
  return total;
}

// What finish is told of: how often each element, and that rows and columns are whole.
struct seen {
  size_t stride;
  unsigned char *count;
};

static void see(const void *context, size_t row, size_t rows, size_t column, size_t columns) {
  const struct seen *seen = context;
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = column; c < column + columns; c++) seen->count[r * seen->stride + c]++;
}

static size_t count_other(const real *c, const real *a, const real *w, const real *bias,
                          const real *before, size_t rows, size_t terms, size_t outputs) {
  const size_t in = real_padded(terms), out = real_padded(outputs);
  size_t other = 0;
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < outputs; j++) {
      const real begin = before != NULL ? before[r * out + j] : bias != NULL ? bias[j] : 0;
      const real sum = chain(begin, before != NULL, terms, a + r * in, 1, w + j * terms, 1);
      if (memcmp(&sum, &c[r * out + j], sizeof sum) != 0) other++;
    }
  return other;
}

static void rows_of(size_t rows, size_t terms, size_t outputs) {
  const size_t in = real_padded(terms), out = real_padded(outputs);
  real *w = memory_new(real, terms * outputs), *turned = memory_new(real, terms * outputs);
  real *a = memory_new(real, rows * in), *bias = memory_new(real, out);
  real *c = memory_new(real, rows * out), *before = memory_new(real, rows * out);
  real *panels = memory_new(real, product_panels_size(terms, outputs));
  unsigned char *counts = memory_new(unsigned char, rows *out);
  fill(w, terms * outputs, 1);
  fill(a, rows * in, 2);
  fill(bias, outputs, 3);
  fill(before, rows * out, 4);
  for (size_t j = 0; j < outputs; j++)
    for (size_t k = 0; k < terms; k++) turned[k * outputs + j] = w[j * terms + k];
  const struct product_matrix m = {.terms = terms, .outputs = outputs, .panels = panels};
  const struct seen seen = {out, counts};
  const struct product_finish finish = {see, &seen};
  struct product_rows p = {rows, a, in, bias, false, c, out, &finish};
  product_pack(terms, outputs, w, 1, terms, panels);
  product_multiply(&m, &p);
  CHECK(count_other(c, a, w, bias, NULL, rows, terms, outputs) == 0, "%s: %zu x %zu x %zu",
        isa_name((int)isa_chosen()), rows, terms, outputs);
  size_t wrong = 0;
  for (size_t i = 0; i < rows * out; i++) wrong += counts[i] != 1;
  CHECK(wrong == 0, "%zu of %zu finished otherwise than once", wrong, rows * out);
  product_pack(terms, outputs, turned, outputs, 1, panels);
  memcpy(c, before, rows * out * sizeof *c);
  p.add = true;
  p.finish = NULL;
  product_multiply(&m, &p);
  CHECK(count_other(c, a, w, NULL, before, rows, terms, outputs) == 0, "added: %zu x %zu x %zu",
        rows, terms, outputs);
  memory_free(&w);
  memory_free(&turned);
  memory_free(&a);
  memory_free(&bias);
  memory_free(&c);
  memory_free(&before);
  memory_free(&panels);
  memory_free(&counts);
}

static void gradient_of(size_t terms, size_t outputs, size_t inputs) {
  const size_t in = real_padded(inputs), out = real_padded(outputs);
  real *delta = memory_new(real, terms * out), *a = memory_new(real, terms * in);
  real *g = memory_new(real, outputs * inputs), *before = memory_new(real, outputs * inputs);
  fill(delta, terms * out, 5);
  fill(a, terms * in, 6);
  fill(before, outputs * inputs, 7);
  for (int add = 0; add < 2; add++) {
    memcpy(g, before, outputs * inputs * sizeof *g);
    const struct product_gradient gradient = {terms, outputs, inputs, delta, out, a,
                                              in,    add,     g,      NULL,  0,   NULL};
    product_gradient(&gradient);
    size_t other = 0;
    for (size_t i = 0; i < outputs; i++)
      for (size_t j = 0; j < inputs; j++) {
        const real sum =
            chain(add ? before[i * inputs + j] : 0, add, terms, delta + i, out, a + j, in);
        if (memcmp(&sum, &g[i * inputs + j], sizeof sum) != 0) other++;
      }
    CHECK(other == 0, "%s: gradient %zu x %zu x %zu", isa_name((int)isa_chosen()), terms, outputs,
          inputs);
    // More terms, as if they were added by a second call.
    struct product_gradient both = gradient, second = gradient;
    real *g_both = memory_new(real, outputs * inputs);
    second.terms = (terms + 1) / 2;
    second.add = true;
    both.g = g_both;
    both.further = &second;
    memcpy(g_both, before, outputs * inputs * sizeof *g);
    product_gradient(&both);
    product_gradient(&second);
    CHECK(memcmp(g, g_both, outputs * inputs * sizeof *g) == 0,
          "%s: further terms of %zu x %zu x %zu", isa_name((int)isa_chosen()), terms, outputs,
          inputs);
    memory_free(&g_both);
  }
  memory_free(&delta);
  memory_free(&a);
  memory_free(&g);
  memory_free(&before);
}

// Sums of the gradients of tiles: as if each had been stored and then added.
static void sums_of(size_t terms, size_t tile, size_t outputs, size_t inputs) {
  const size_t in = real_padded(inputs), out = real_padded(outputs), size = outputs * inputs;
  const size_t tiles = (terms + tile - 1) / tile;
  real *delta = memory_new(real, terms * out), *a = memory_new(real, terms * in);
  real *g = memory_new(real, size);
  struct reduction *sums = reduction_create(1, &size), *others = reduction_create(1, &size);
  fill(delta, terms * out, 8);
  fill(a, terms * in, 9);
  for (int again = 0; again < 2; again++) {  // what stands there already counts the second time
    if (again == 0) reduction_begin(sums, 2 * (int64_t)tiles);
    if (again == 0) reduction_begin(others, 2 * (int64_t)tiles);
    struct reduction_block *sum = reduction_block(sums, 0, (int64_t)tiles);
    struct reduction_block *other = reduction_block(others, 0, 0);
    sum->magic = other->magic = 0x1.8p52 * 0x1p-20;
    struct product_gradient gradient = {terms, outputs, inputs, delta, out,  a,
                                        in,    false,   NULL,   sum,   tile, NULL};
    product_gradient(&gradient);
    gradient.sums = NULL;
    gradient.g = g;
    for (size_t k = 0; k < terms; k += tile) {
      gradient.terms = k + tile < terms ? tile : terms - k;
      gradient.delta = delta + k * out;
      gradient.a = a + k * in;
      product_gradient(&gradient);
      reduction_add_block(others, 0, g);
    }
    CHECK(memcmp(sum->sum, other->sum, size * sizeof *sum->sum) == 0, "%s: %zu by %zu, %zu x %zu",
          isa_name((int)isa_chosen()), terms, tile, outputs, inputs);
    CHECK(sum->largest == other->largest, "the same magnitude");
  }
  reduction_destroy(&sums);
  reduction_destroy(&others);
  memory_free(&delta);
  memory_free(&a);
  memory_free(&g);
}

int main(void) {
  static const size_t sizes[] = {1, 2, 15, 16, 20, 33, 70, 150, 256, 257, 300, 600, 784};
  enum { SIZES = sizeof sizes / sizeof *sizes };
  for (enum isa isa = ISA_PLAIN; isa < ISA_COUNT; isa++) {
    if (!isa_test_use(isa)) continue;
    for (size_t rows = 1; rows <= 26; rows++)
      rows_of(rows, sizes[rows % SIZES], sizes[(5 * rows + 3) % SIZES]);
    for (size_t i = 0; i < SIZES; i++) {
      rows_of(1, sizes[i], sizes[SIZES - 1 - i]);
      rows_of(3, sizes[SIZES - 1 - i], sizes[i]);
      gradient_of(sizes[i] % 31 + 1, sizes[i], sizes[(3 * i + 1) % SIZES]);
    }
    rows_of(120, 300, 40);
    gradient_of(600, 5, 40);
    sums_of(20, 5, 150, 70);
    sums_of(23, 10, 31, 784);
    sums_of(600, 290, 5, 40);
  }
  struct error error = {""};
  setenv("GFE_ISA", "sse9", 1);
  CHECK(!isa_choose(&error) && strstr(error.text, "plain") != NULL, "%s", error.text);
  return test_summary();
}
