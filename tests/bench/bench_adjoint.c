// What a stage of the adjoint costs: recomputed activations, H v and d/dtheta [v . g] of a sample,
// as a multiple of its gradient evaluation, both in full products, measured in turn.
//
// usage: bench_adjoint
#include <stdio.h>
#include <stdlib.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "bench/blas.h"

enum { ROUNDS = 9, REPEATS = 5 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The median ratio for stacks of `slots` tiles of `size` samples.
static double ratio(const struct decoder *decoder, size_t slots, size_t size) {
  const size_t samples = slots * size, n = real_padded(decoder->n), d = real_padded(decoder->d);
  struct objective *objective = objective_create(decoder, samples);
  struct tangent *tangent = tangent_create(decoder, slots, size);
  struct objective_row *rows = memory_new(struct objective_row, samples);
  real *y = memory_new(real, samples * n), *gradients = memory_new(real, slots * decoder->count);
  double *loss = memory_new(double, samples), ratios[ROUNDS];
  for (size_t i = 0; i < samples * n; i++) y[i] = (real)rng_uniform(1, RNG_TEST, 0, i);
  for (size_t i = 0; i < samples; i++)
    rows[i] = (struct objective_row){y + i * n, NULL, (double)decoder->n};
  for (size_t i = 0; i < samples * d; i++) {
    objective_latents(objective)[i] = (real)rng_uniform(1, RNG_TEST, 1, i);
    const size_t slot = i / (size * d), at = i % (size * d);
    tangent_latents(tangent, slot)[at] = objective_latents(objective)[i];
    tangent_directions(tangent, slot)[at] = (real)rng_uniform(1, RNG_TEST, 2, i);
  }
  for (int round = -1; round < ROUNDS; round++) {
    const double begun = clock_seconds();
    for (int i = 0; i < REPEATS; i++) objective_evaluate(objective, samples, rows, loss);
    const double middle = clock_seconds();
    for (int i = 0; i < REPEATS; i++) {
      tangent_sweep(tangent, slots, 0, rows);
      for (size_t slot = 0; slot < slots; slot++)
        tangent_parameter_gradient(tangent, slot, gradients + slot * decoder->count);
    }
    if (round >= 0) ratios[round] = (clock_seconds() - middle) / (middle - begun);
  }
  objective_destroy(&objective);
  tangent_destroy(&tangent);
  memory_free(&rows);
  memory_free(&y);
  memory_free(&gradients);
  memory_free(&loss);
  qsort(ratios, ROUNDS, sizeof *ratios, compare);
  return ratios[ROUNDS / 2];
}

int main(void) {
  blas_start();
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 150, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = 300, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = 600, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = 784, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(20, 4, specs, LOSS_BCE);
  decoder_initialise(decoder, 1);
  const size_t shapes[][2] = {{2, 12}, {5, 12}, {1, 24}, {2, 24}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    printf("| adjoint stage / gradient evaluation, %zu tiles of %zu | %.2f |\n", shapes[i][0],
           shapes[i][1], ratio(decoder, shapes[i][0], shapes[i][1]));
  decoder_destroy(&decoder);
  return 0;
}
