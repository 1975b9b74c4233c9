// Products with packed matrices as a share of the core's FMA peak: those of the gradient
// evaluations of the dense decoder 20-150-300-600-784, of its parameter gradient, and packing.
//
//   taskset -c 0 build/tests/bench/bench_product        # GFE_ISA=avx2 for that instruction set
#include <math.h>
#include <stdio.h>

#include "fma_peak.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "numerics/isa.h"
#include "numerics/product.h"

enum { LAYERS = 4, MOST_ROWS = 240, TIMES = 60, WIDEST = 800 };
static const size_t width[LAYERS + 1] = {20, 150, 300, 600, 784};

struct weights {
  real *w[LAYERS], *panels[2][LAYERS];  // forward, backward
  real *a, *c, *bias, *gradient;
};

static void pack(const struct weights *s, size_t back) {
  for (size_t l = 0; l < LAYERS; l++) {
    const size_t in = width[l], out = width[l + 1];
    if (back)
      product_pack(out, in, s->w[l], in, 1, s->panels[1][l]);
    else
      product_pack(in, out, s->w[l], 1, in, s->panels[0][l]);
  }
}

static void multiply(const struct weights *s, size_t rows, size_t back) {
  for (size_t l = 0; l < LAYERS; l++) {
    const size_t in = width[l + back], out = width[l + 1 - back];
    const struct product_matrix m = {in, out, s->panels[back][l]};
    const struct product_rows p = {.rows = rows,
                                   .a = s->a,
                                   .a_stride = real_padded(in),
                                   .bias = back ? NULL : s->bias,
                                   .c = s->c,
                                   .c_stride = real_padded(out)};
    product_multiply(&m, &p);
  }
}

static void evaluate(const struct weights *s, size_t rows) {
  multiply(s, rows, 0);
  multiply(s, rows, 1);
}

static void differentiate(const struct weights *s, size_t rows) {
  for (size_t l = 0; l < LAYERS; l++)
    product_gradient(&(struct product_gradient){.terms = rows,
                                                .outputs = width[l + 1],
                                                .inputs = width[l],
                                                .delta = s->a,
                                                .delta_stride = real_padded(width[l + 1]),
                                                .a = s->c,
                                                .a_stride = real_padded(width[l]),
                                                .g = s->gradient});
}

// The least seconds of f(weights, argument).
static double least(void (*f)(const struct weights *, size_t), const struct weights *s,
                    size_t argument) {
  double best = INFINITY;
  for (int i = 0; i < TIMES; i++) {
    const double begin = clock_seconds();
    f(s, argument);
    best = fmin(best, clock_seconds() - begin);
  }
  return best;
}

static struct weights make_weights(double *count) {
  struct weights s = {.a = memory_new(real, MOST_ROWS * WIDEST),
                      .c = memory_new(real, MOST_ROWS * WIDEST),
                      .bias = memory_new(real, WIDEST),
                      .gradient = memory_new(real, WIDEST * WIDEST)};
  *count = 0.0;
  for (size_t l = 0; l < LAYERS; l++) {
    const size_t in = width[l], out = width[l + 1];
    *count += (double)(in * out);
    s.w[l] = memory_new(real, in * out);
    for (size_t i = 0; i < in * out; i++) s.w[l][i] = (real)0.01 * (real)(i % 17);
    s.panels[0][l] = memory_new(real, product_panels_size(in, out));
    s.panels[1][l] = memory_new(real, product_panels_size(out, in));
  }
  for (size_t i = 0; i < MOST_ROWS * WIDEST; i++) s.a[i] = (real)0.1 * (real)(i % 13);
  return s;
}

int main(void) {
  struct error error = {""};
  if (!isa_choose(&error)) {
    fprintf(stderr, "%s\n", error.text);
    return 2;
  }
  double count;
  const struct weights s = make_weights(&count);
  const double peak = fma_peak();
  printf("%s %s, FMA peak %.0f GFLOP/s\n", isa_name((int)isa_chosen()), REAL_NAME, peak * 1e-9);
  printf("packing one way and the other: %.3f, %.3f ms\n", 1e3 * least(pack, &s, 0),
         1e3 * least(pack, &s, 1));
  printf("rows  products / peak  parameter gradient / peak\n");
  static const size_t rows[] = {1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 48, 64, 240};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const double flops = 2.0 * count * (double)rows[i];
    printf("%4zu  %15.2f  %25.2f\n", rows[i], 2.0 * flops / least(evaluate, &s, rows[i]) / peak,
           flops / least(differentiate, &s, rows[i]) / peak);
  }
  return 0;
}
