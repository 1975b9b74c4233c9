// Two latents that explain what is observed equally well: both are found, and the posterior's mean
// and standard deviation are those of both.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/modes.h"
#include "ground/memory.h"
#include "support/test.h"

enum { ENTRIES = 2, TRAINED = 20, SAMPLES = 2 };

// silu(2 z) + silu(-2 z), which is even in z, and silu(2 z) - silu(-2 z) = 2 z.
static struct decoder *make_decoder(void) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 2, .activation = ACTIVATION_SILU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(1, 2, specs, LOSS_MSE);
  memset(decoder->theta, 0, decoder->count * sizeof(real));
  real *first = decoder->theta + decoder->network->layers[0].weight;
  real *second = decoder->theta + decoder->network->layers[1].weight;
  first[0] = 2;
  first[1] = -2;
  second[0] = second[1] = second[2] = 1;
  second[3] = -1;
  decoder_pack(decoder);
  return decoder;
}

static double even(double z) { return 2.0 * z * tanh(z); }

static struct dictionary *make_dictionary(void) {
  struct dictionary *dictionary = dictionary_create(1, TRAINED);
  for (size_t k = 0; k < TRAINED; k++)
    dictionary->z[(DICTIONARY_TRAINED + k) * real_padded(1)] =
        (real)(-1.9 + 0.2 * (double)k);  // -1.9 ... 1.9
  dictionary->trained_loss = 1e-4;
  dictionary_complete(dictionary);
  return dictionary;
}

// Sample 0 shows what is even alone, sample 1 also tells the sign, so that
// other maxima of its posterior count for nothing.
static void test_mixture(void) {
  const double z = 1.3, variance = 1e-4;
  struct run run = {.decoder = make_decoder(), .dictionary = make_dictionary()};
  run.evaluation_rows = 16;
  run.config.evaluation.solver = (struct solver_options){
      .solver = SOLVER_LBFGS, .alpha = 1.0, .tolerance = 1e-7, .max_iterations = 100, .memory = 5};
  real *y = memory_new(real, SAMPLES * real_padded(ENTRIES));
  real *w = memory_new(real, SAMPLES * real_padded(ENTRIES));
  double weight_sum[SAMPLES] = {1.0, 2.0};
  y[0] = y[real_padded(ENTRIES)] = (real)even(z);
  y[1] = y[real_padded(ENTRIES) + 1] = (real)(2.0 * z);
  w[0] = w[real_padded(ENTRIES)] = w[real_padded(ENTRIES) + 1] = 1;
  struct posterior posterior = {
      .samples = {.count = SAMPLES, .y = y, .w = w, .weight_sum = weight_sum, .total = SAMPLES},
      .variance = variance,
      .prior = posterior_prior(run.dictionary, variance)};
  posterior.samples.prior = posterior.prior;
  struct encoding *encoding = encoding_create(SAMPLES, 1);
  for (size_t i = 0; i < SAMPLES; i++) encoding->z[i * real_padded(1)] = (real)1.2;
  struct ensemble *ensemble = ensemble_create(NULL, run.decoder, &run.config.evaluation.solver, 16);
  ensemble_run(ensemble, &posterior.samples, 0, encoding);
  struct modes *modes = modes_find(&run, &posterior, encoding, 4);
  struct uncertainty *uncertainty =
      uncertainty_create(run.decoder, &posterior.samples, variance, 8);
  CHECK(modes->found[0] == 2, "%lld modes", (long long)modes->found[0]);
  const double a = (double)*modes_latent(modes, 0, 0), b = (double)*modes_latent(modes, 0, 1);
  CHECK(fabs(a - z) < 0.01 && fabs(a + b) < 1e-3, "at %g and %g", a, b);
  real mean[64], deviation[64], alone[64];
  for (int64_t i = 0; i < SAMPLES; i++) {
    uncertainty_of(uncertainty, i, modes_latent(modes, i, 0));
    uncertainty_of_output(uncertainty, alone);
    modes_mix(modes, &posterior, uncertainty, i, mean, deviation);
    const double sign = i == 0 ? 0.0 : 2.0 * z, within = (double)alone[1];
    const double between = i == 0 ? 2.0 * a : 0.0;  // the distance of a mode from the mean
    CHECK(fabs((double)mean[0] - even(z)) < 0.02, "sample %lld: %g", (long long)i, (double)mean[0]);
    CHECK(fabs((double)mean[1] - sign) < 0.02, "sample %lld: %g", (long long)i, (double)mean[1]);
    CHECK(fabs((double)deviation[1] - sqrt(within * within + between * between)) < 1e-3,
          "sample %lld: %g", (long long)i, (double)deviation[1]);
  }
  modes_destroy(&modes);
  uncertainty_destroy(&uncertainty);
  ensemble_destroy(&ensemble);
  encoding_destroy(&encoding);
  prior_destroy(&posterior.prior);
  dictionary_destroy(&run.dictionary);
  decoder_destroy(&run.decoder);
  memory_free(&y);
  memory_free(&w);
}

int main(void) {
  test_mixture();
  return test_summary();
}
