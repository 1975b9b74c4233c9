// How close evaluations of the paper's CIFAR-10 decoders come to the matrix products that they
// consist of: loss and gradient of the latents, and of the parameters as well, as a share of SGEMM
// of 2048 x 2048 matrices, measured in turn in one process, in CPU seconds.
//
// usage: bench_conv [rounds]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/objective.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "bench/blas.h"

enum { SIZE = 2048, ENTRIES = 3072, LATENT = 64, MOST = 99, REPEATS = 4 };

#define SIZES(...)                                                      \
  {                                                                     \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { __VA_ARGS__ } \
  }
#define DENSE(n) \
  { .kind = LAYER_DENSE, .width = n, .activation = ACTIVATION_ELU }
#define RESHAPE(...) \
  { .kind = LAYER_RESHAPE, .sizes = SIZES(__VA_ARGS__) }
#define UP \
  { .kind = LAYER_UPSAMPLE, .sizes = SIZES(2) }
#define CONV(layer, n, size, step, pad, phi)                                                    \
  {                                                                                             \
    .kind = layer, .width = n, .activation = phi, .kernel = SIZES(size), .stride = SIZES(step), \
    .padding = SIZES(pad), .output_padding = SIZES(0)                                           \
  }
#define UNPOOL(n, phi) CONV(LAYER_CONV_TRANSPOSE, n, 4, 2, 1, phi)
#define KEEP(n, size, pad, phi) CONV(LAYER_CONV, n, size, 1, pad, phi)
#define BLOCK(n)                                                             \
  UP, KEEP(n, 3, 1, ACTIVATION_ELU), KEEP(n, 3, 1, ACTIVATION_IDENTITY),     \
      KEEP(n, 1, 0, ACTIVATION_IDENTITY), {                                  \
    .kind = LAYER_RESIDUAL, .activation = ACTIVATION_ELU, .branch = { 2, 1 } \
  }

static const struct layer_spec transposed[] = {DENSE(512),
                                               RESHAPE(128, 2, 2),
                                               UNPOOL(64, ACTIVATION_ELU),
                                               UNPOOL(32, ACTIVATION_ELU),
                                               UNPOOL(16, ACTIVATION_ELU),
                                               UNPOOL(3, ACTIVATION_IDENTITY)};
static const struct layer_spec residual[] = {DENSE(2048), RESHAPE(128, 4, 4),
                                             BLOCK(64),   BLOCK(32),
                                             BLOCK(16),   KEEP(3, 3, 1, ACTIVATION_IDENTITY)};

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  return values[count / 2];
}

static double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

// GFLOP/s of one product of square matrices.
static double sgemm(real *a, real *b, real *c) {
  const double begun = cpu_seconds();
  blas_gemm(false, true, SIZE, SIZE, SIZE, a, SIZE, b, SIZE, 0, c, SIZE);
  return 2e-9 * SIZE * SIZE * SIZE / (cpu_seconds() - begun);
}

struct bench {
  const struct decoder *decoder;
  struct objective *objective;
  size_t rows;
  struct objective_row *samples;
  double *loss;
  real *gradient;
};

// Seconds per evaluation of one sample, with the parameters' gradient or without.
static double evaluate(struct bench *b, bool parameters) {
  const double begun = cpu_seconds();
  for (int i = 0; i < REPEATS; i++) {
    objective_evaluate(b->objective, b->rows, b->samples, b->loss);
    if (parameters) objective_parameter_gradient(b->objective, 0, b->rows, b->gradient);
  }
  return (cpu_seconds() - begun) / (double)(REPEATS * b->rows);
}

static void measure(const char *name, size_t count, const struct layer_spec *specs, size_t rows,
                    size_t rounds) {
  struct decoder *decoder = decoder_create(LATENT, count, specs, LOSS_BCE);
  decoder_initialise(decoder, 1);
  struct bench b = {.decoder = decoder, .rows = rows};
  b.objective = objective_create(decoder, rows);
  b.samples = memory_new(struct objective_row, rows);
  b.loss = memory_new(double, rows);
  b.gradient = memory_new(real, decoder->count);
  real *y = memory_new(real, rows * ENTRIES), *z = objective_latents(b.objective);
  for (size_t i = 0; i < rows * ENTRIES; i++) y[i] = (real)rng_uniform(1, RNG_TEST, i, 0);
  for (size_t i = 0; i < rows * LATENT; i++) z[i] = (real)rng_uniform(1, RNG_TEST, i, 1);
  for (size_t i = 0; i < rows; i++)
    b.samples[i] = (struct objective_row){.y = y + i * ENTRIES, .weight_sum = ENTRIES};
  real *block = memory_new(real, 3 * SIZE * SIZE);
  for (size_t i = 0; i < 2 * SIZE * SIZE; i++) block[i] = (real)rng_uniform(1, RNG_TEST, i, 2);

  const double flops = 1e-9 * network_flops(decoder->network);
  double peak[MOST], alone[MOST], both[MOST], share[2][MOST];
  evaluate(&b, true);
  for (size_t i = 0; i < rounds; i++) {
    peak[i] = sgemm(block, block + SIZE * SIZE, block + 2 * SIZE * SIZE);
    alone[i] = evaluate(&b, false);
    both[i] = evaluate(&b, true);
    share[0][i] = flops / alone[i] / peak[i];
    share[1][i] = 1.5 * flops / both[i] / peak[i];
  }
  printf("| %s, %zu rows: SGEMM 2048^3, GFLOP/s | %.1f |\n", name, rows, median(peak, rounds));
  printf("| %s, %zu rows: evaluation, us per sample | %.1f |\n", name, rows,
         1e6 * median(alone, rounds));
  printf("| %s, %zu rows: evaluation / SGEMM | %.3f |\n", name, rows, median(share[0], rounds));
  printf("| %s, %zu rows: with parameters, us per sample | %.1f |\n", name, rows,
         1e6 * median(both, rounds));
  printf("| %s, %zu rows: with parameters / SGEMM | %.3f |\n", name, rows,
         median(share[1], rounds));
  fflush(stdout);
  objective_destroy(&b.objective);
  decoder_destroy(&decoder);
  memory_free(&b.samples);
  memory_free(&b.loss);
  memory_free(&b.gradient);
  memory_free(&y);
  memory_free(&block);
}

int main(int argc, char **argv) {
  blas_start();
  const size_t given = argc > 1 ? (size_t)atoi(argv[1]) : 7, rounds = given < MOST ? given : MOST;
  const size_t rows[] = {24, 60};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    measure("transposed", sizeof transposed / sizeof *transposed, transposed, rows[i], rounds);
    measure("residual", sizeof residual / sizeof *residual, residual, rows[i], rounds);
  }
  return 0;
}
