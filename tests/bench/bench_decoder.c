// Evaluations of the decoder of an input file, for each number of rows: the shortest of many,
// measured alternately with the FMA peak in the same process.
//
// usage: bench_decoder INPUT SECONDS ROWS...      SECONDS: for each number of rows
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "fma_peak.h"
#include "ground/clock.h"
#include "ground/error.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "input/config_read.h"
#include "numerics/isa.h"

enum { LEAST_ROUNDS = 3 };

struct bench {
  size_t rows;
  struct objective *objective;
  struct tangent *tangent;
  struct objective_row *samples;
  double *loss;
  real *gradient;
};

static void evaluate(struct bench *b) {
  objective_evaluate(b->objective, b->rows, b->samples, b->loss);
}

static void evaluate_parameters(struct bench *b) {
  evaluate(b);
  objective_parameter_gradient(b->objective, 0, b->rows, b->gradient);
}

static void sweep(struct bench *b) { tangent_sweep(b->tangent, b->rows, b->samples); }

static void sweep_parameters(struct bench *b) {
  sweep(b);
  tangent_parameter_gradient(b->tangent, 0, b->rows, b->gradient);
}

static void fma_peak(struct bench *b) {
  (void)b;
  fma_peak_run();
}

enum { PEAK, ALONE, PARAMETERS, TANGENT, TANGENT_PARAMETERS, COUNT };
static void (*const measured[COUNT])(struct bench *) = {[PEAK] = fma_peak,
                                                        [ALONE] = evaluate,
                                                        [PARAMETERS] = evaluate_parameters,
                                                        [TANGENT] = sweep,
                                                        [TANGENT_PARAMETERS] = sweep_parameters};

static void measure(const struct decoder *decoder, size_t rows, double seconds) {
  struct bench b = {.rows = rows,
                    .objective = objective_create(decoder, rows, true),
                    .tangent = tangent_create(decoder, rows, true),
                    .samples = memory_new(struct objective_row, rows),
                    .loss = memory_new(double, rows),
                    .gradient = memory_new(real, decoder->count)};
  const size_t n = real_padded(decoder->n), d = real_padded(decoder->d);
  real *y = memory_new(real, rows * n);
  for (size_t i = 0; i < rows * n; i++) y[i] = (real)rng_uniform(1, RNG_TEST, 0, i);
  for (size_t i = 0; i < rows; i++)
    b.samples[i] = (struct objective_row){y + i * n, NULL, (double)decoder->n, NULL};
  for (size_t i = 0; i < rows * d; i++) {
    const real z = (real)rng_uniform(1, RNG_TEST, 1, i);
    objective_latents(b.objective)[i] = tangent_latents(b.tangent)[i] = z;
    tangent_directions(b.tangent)[i] = (real)rng_uniform(1, RNG_TEST, 2, i);
  }

  double shortest[COUNT];
  for (int i = 0; i < COUNT; i++) {
    measured[i](&b);
    shortest[i] = INFINITY;
  }
  const double end = clock_seconds() + seconds;
  for (int round = 0; round < LEAST_ROUNDS || clock_seconds() < end; round++) {
    for (int i = 0; i < COUNT; i++) {
      const double begun = clock_cpu_seconds();
      measured[i](&b);
      shortest[i] = fmin(shortest[i], clock_cpu_seconds() - begun);
    }
  }

  const double peak = fma_peak_run() / shortest[PEAK];
  const double flops = (double)rows * network_flops(decoder->network);
  printf("| %zu: FMA peak, GFLOP/s | %.1f |\n", rows, 1e-9 * peak);
  printf("| %zu: us per sample | %.2f |\n", rows, 1e6 * shortest[ALONE] / (double)rows);
  printf("| %zu: share | %.4f |\n", rows, flops / shortest[ALONE] / peak);
  printf("| %zu: share with parameters | %.4f |\n", rows,
         1.5 * flops / shortest[PARAMETERS] / peak);
  printf("| %zu: H v | %.3f |\n", rows, shortest[TANGENT] / shortest[ALONE]);
  printf("| %zu: H v with parameters | %.3f |\n", rows,
         shortest[TANGENT_PARAMETERS] / shortest[ALONE]);
  objective_destroy(&b.objective);
  tangent_destroy(&b.tangent);
  memory_free(&b.samples);
  memory_free(&b.loss);
  memory_free(&b.gradient);
  memory_free(&y);
}

int main(int argc, char **argv) {
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  if (argc < 4) error_fatal("usage: bench_decoder INPUT SECONDS ROWS...");
  char train[1024], test[1024];  // no data are read: any file that is there will do
  snprintf(train, sizeof train, "data.train.file=%.1000s", argv[1]);
  snprintf(test, sizeof test, "data.test.file=%.1000s", argv[1]);
  if (!isa_choose(&error) ||
      !config_read(config, argv[1], (const char *const[]){train, test}, 2, &error))
    error_fatal("%s", error.text);
  const struct config_layers *layers = &config->decoder.layers;
  struct decoder *decoder = decoder_create((size_t)config->decoder.latent, (size_t)layers->count,
                                           layers->list, config->decoder.loss);
  decoder_initialise(decoder, 1);
  for (int i = 3; i < argc; i++)
    measure(decoder, strtoul(argv[i], NULL, 10), strtod(argv[2], NULL));
  decoder_destroy(&decoder);
  memory_free(&config);
  return 0;
}
