// Where flows begin: at a guess, unless it is worse than the first start; and how far the list of
// starts reaches.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/ensemble.h"
#include "engine/starts.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "input/config.h"
#include "support/test.h"

enum { SAMPLES = 3, TRIES = 3, LATENT = 2, ENTRIES = 20 };

static void test_cut(void) {
  struct starts *starts = starts_create(SAMPLES, TRIES, LATENT);
  static const double loss[SAMPLES][TRIES] = {{1.0, 1.9, 2.1}, {1.0, 2.1, 1.5}, {1.0, NAN, NAN}};
  static const int kept[SAMPLES] = {2, 1, 3};
  memcpy(starts->loss, loss, sizeof loss);
  memset(starts->kind, START_DICTIONARY, sizeof(int8_t) * SAMPLES * TRIES);
  starts_cut(starts, SAMPLES, 2.0);
  for (int64_t i = 0; i < SAMPLES; i++)
    for (size_t t = 0; t < TRIES; t++)
      CHECK((starts_latent(starts, LATENT, i, t) != NULL) == ((int)t < kept[i]),
            "sample %lld, start %zu", (long long)i, t);
  starts_destroy(&starts);
}

// Flows of the samples from a start, which is 0, or from a guess.
static struct encoding *follow(struct decoder *decoder, const struct samples *samples,
                               const real *guess) {
  const struct solver_options options = {
      .solver = SOLVER_LBFGS, .alpha = 1.0, .tolerance = 1e-5, .max_iterations = 50, .memory = 5};
  const size_t stride = real_padded(LATENT);
  struct encoding *encoding = encoding_create(SAMPLES, LATENT);
  struct starts *starts = starts_create(SAMPLES, 1, LATENT);
  samples_losses(samples, decoder, 8, SAMPLES, NULL, encoding->z, starts->loss);
  memset(starts->kind, START_ZERO, SAMPLES);
  if (guess != NULL) {
    starts->guess = memory_new(real, SAMPLES * stride);
    starts->guessed = memory_new(bool, SAMPLES);
    memcpy(starts->guess, guess, SAMPLES * stride * sizeof *guess);
    memcpy(encoding->z, guess, SAMPLES * stride * sizeof *guess);
    memset(starts->guessed, true, SAMPLES);
  }
  encoding->starts = starts;
  struct ensemble *ensemble = ensemble_create(NULL, decoder, &options, 8);
  ensemble_run(ensemble, samples, 0, encoding);
  ensemble_destroy(&ensemble);
  encoding->starts = NULL;
  starts_destroy(&starts);
  return encoding;
}

static void test_guess(void) {
  const size_t stride = real_padded(LATENT), width = SAMPLES * stride * sizeof(real);
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_TANH},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, 2, specs, LOSS_MSE);
  decoder_initialise(decoder, 1);
  real *y = memory_new(real, SAMPLES * real_padded(ENTRIES));
  double weight_sum[SAMPLES] = {ENTRIES, ENTRIES, ENTRIES};
  for (uint64_t k = 0; k < SAMPLES * ENTRIES; k++)
    y[k / ENTRIES * real_padded(ENTRIES) + k % ENTRIES] =
        (real)(0.5 * rng_uniform(7, RNG_TEST, k, 0));
  const struct samples samples = {
      .count = SAMPLES, .y = y, .weight_sum = weight_sum, .total = SAMPLES};
  struct encoding *plain = follow(decoder, &samples, NULL);
  struct encoding *good = follow(decoder, &samples, plain->z);
  real *far = memory_new(real, SAMPLES * stride);
  for (size_t k = 0; k < SAMPLES * stride; k++) far[k] = k % stride < LATENT ? -50 : 0;
  struct encoding *bad = follow(decoder, &samples, far);
  CHECK(memcmp(bad->z, plain->z, width) == 0, "from the start after all");
  for (size_t i = 0; i < SAMPLES; i++) {
    CHECK(bad->evaluations[i] == plain->evaluations[i] + 1, "for one evaluation more");
    CHECK(bad->start[i] == START_ZERO && bad->tries[i] == 1, "which is said");
    CHECK(good->evaluations[i] < plain->evaluations[i], "a good guess saves evaluations");
    CHECK(good->start[i] == START_DICTIONARY && good->tries[i] == 1, "which is said, too");
    CHECK(good->loss[i] <= plain->loss[i] * (1.0 + 1e-5), "and ends no higher");
  }
  encoding_destroy(&plain);
  encoding_destroy(&good);
  encoding_destroy(&bad);
  memory_free(&far);
  memory_free(&y);
  decoder_destroy(&decoder);
}

int main(void) {
  test_cut();
  test_guess();
  return test_summary();
}
