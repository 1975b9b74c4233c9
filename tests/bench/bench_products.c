// Forward and backward products of all layers of the paper's dense decoder, for each number of
// rows: ours, those of OpenBLAS on the weights as they are, and those of LIBXSMM, if installed, on
// our panels. The shortest of many, measured in turn. Biases are not included.
//
// usage: bench_products SECONDS ROWS...      SECONDS: for each number of rows
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ground/clock.h"
#include "ground/error.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/isa.h"
#include "numerics/product.h"
#ifdef HAVE_LIBXSMM
#include <libxsmm.h>
#endif

enum { LEAST_ROUNDS = 5, LAYERS = 4, PRODUCTS = 2 * LAYERS, PASSES = 3 };
static const size_t widths[LAYERS + 1] = {20, 150, 300, 600, 784};

// c = a m, m being a layer's weights [out][in] (backward) or their transpose (forward).
struct product {
  bool forward;
  size_t terms, outputs, rows;
  real *weights;  // as they are
  real *panels;
  const real *a;  // [rows][real_padded(terms)]
  real *c;        // [rows][real_padded(outputs)]
#ifdef HAVE_LIBXSMM
  libxsmm_smmfunction panel, last_panel;
#endif
};

static void ours(const struct product *p) {
  const struct product_matrix m = {.terms = p->terms, .outputs = p->outputs, .panels = p->panels};
  const struct product_rows rows = {.rows = p->rows,
                                    .a = p->a,
                                    .a_stride = real_padded(p->terms),
                                    .c = p->c,
                                    .c_stride = real_padded(p->outputs)};
  product_multiply(&m, &rows);
}

static void openblas(const struct product *p) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, p->forward ? CblasTrans : CblasNoTrans, (int)p->rows,
              (int)p->outputs, (int)p->terms, 1, p->a, (int)real_padded(p->terms), p->weights,
              (int)(p->forward ? p->terms : p->outputs), 0, p->c, (int)real_padded(p->outputs));
}

#ifdef HAVE_LIBXSMM
// Columns of a panel.
static size_t panel_width(void) { return product_panels_size(1, 1); }

// In columns, as LIBXSMM counts them: c^T [outputs][rows] = panel [outputs][terms] a^T
// [terms][rows].
static libxsmm_smmfunction generate(const struct product *p, size_t columns) {
  const int lda = (int)panel_width(), ldb = (int)real_padded(p->terms);
  const int ldc = (int)real_padded(p->outputs), flags = LIBXSMM_GEMM_FLAG_NONE;
  const float alpha = 1, beta = 0;
  libxsmm_smmfunction f = libxsmm_smmdispatch((int)columns, (int)p->rows, (int)p->terms, &lda, &ldb,
                                              &ldc, &alpha, &beta, &flags, NULL);
  if (f == NULL) error_fatal("LIBXSMM has no kernel for %zu rows", p->rows);
  return f;
}

static void prepare_libxsmm(struct product *p) {
  const size_t width = panel_width(), rest = real_padded(p->outputs) % width;
  p->panel = real_padded(p->outputs) >= width ? generate(p, width) : NULL;
  p->last_panel = rest > 0 ? generate(p, rest) : NULL;
}

static void libxsmm(const struct product *p) {
  const size_t width = panel_width(), outputs = real_padded(p->outputs);
  for (size_t j = 0; j < outputs; j += width)
    (outputs - j < width ? p->last_panel : p->panel)(p->panels + j * p->terms, p->a, p->c + j);
}
#endif

static const struct library {
  const char *name;
  void (*multiply)(const struct product *p);
} libraries[] = {
    {"ours", ours},
    {"OpenBLAS", openblas},
#ifdef HAVE_LIBXSMM
    {"LIBXSMM", libxsmm},
#endif
};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

static real *numbers(size_t count, uint64_t stream) {
  real *x = memory_new(real, count);
  for (size_t i = 0; i < count; i++) x[i] = (real)(rng_uniform(1, RNG_TEST, stream, i) - 0.5);
  return x;
}

static void measure(struct product *products, size_t rows, double seconds) {
  const size_t width = real_padded(widths[LAYERS]);
  real *a = numbers(rows * width, 1), *c = memory_new(real, rows * width);
  double shortest[LIBRARIES], flops = 0;
  for (size_t i = 0; i < PRODUCTS; i++) {
    struct product *p = &products[i];
    p->rows = rows;
    p->a = a;
    p->c = c;
    flops += 2 * (double)(rows * p->terms * p->outputs);
#ifdef HAVE_LIBXSMM
    prepare_libxsmm(p);
#endif
  }
  for (size_t l = 0; l < LIBRARIES; l++) shortest[l] = INFINITY;
  const double end = clock_seconds() + seconds;
  for (int round = 0; round < LEAST_ROUNDS || clock_seconds() < end; round++)
    for (size_t l = 0; l < LIBRARIES; l++)
      for (int pass = 0; pass < PASSES; pass++) {  // the first one finds the caches of another
        const double begun = clock_cpu_seconds();
        for (size_t i = 0; i < PRODUCTS; i++) libraries[l].multiply(&products[i]);
        shortest[l] = fmin(shortest[l], clock_cpu_seconds() - begun);
      }
  for (size_t l = 0; l < LIBRARIES; l++)
    printf("| %zu: %s, GFLOP/s | %.2f |\n", rows, libraries[l].name, 1e-9 * flops / shortest[l]);
  memory_free(&a);
  memory_free(&c);
}

int main(int argc, char **argv) {
  struct error error = {""};
  if (argc < 3) error_fatal("usage: bench_products SECONDS ROWS...");
  if (!isa_choose(&error)) error_fatal("%s", error.text);
  openblas_set_num_threads(1);
  struct product products[PRODUCTS];
  for (size_t i = 0; i < PRODUCTS; i++) {
    const bool forward = i < LAYERS;
    const size_t layer = forward ? i : PRODUCTS - 1 - i;
    const size_t in = widths[layer], out = widths[layer + 1];
    struct product *p = &products[i];
    *p = (struct product){.forward = forward,
                          .terms = forward ? in : out,
                          .outputs = forward ? out : in,
                          .weights = forward ? numbers(in * out, 2 + layer) : NULL};
    if (!forward) p->weights = products[layer].weights;
    p->panels = memory_new(real, product_panels_size(p->terms, p->outputs));
    product_pack(p->terms, p->outputs, p->weights, forward ? 1 : in, forward ? in : 1, p->panels);
  }
  for (int i = 2; i < argc; i++)
    measure(products, strtoul(argv[i], NULL, 10), strtod(argv[1], NULL));
  for (size_t i = 0; i < PRODUCTS; i++) {
    if (products[i].forward) memory_free(&products[i].weights);
    memory_free(&products[i].panels);
  }
  return 0;
}
