// Samples ranked among latents as an evaluation of each would rank them.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/objective.h"
#include "engine/ranking.h"
#include "engine/secants.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/decode.h"
#include "support/test.h"

enum { LATENT = 3, SAMPLES = 30, TRIES = 3 };

struct fixture {
  struct decoder *decoder;
  struct dictionary *dictionary;
  struct samples samples;
  real *y, *w;
  double *weight_sum;
};

static struct fixture make(size_t n, int64_t trained, enum loss_kind loss, bool weighted) {
  const size_t stride = real_padded(n);
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_TANH},
      {.kind = LAYER_DENSE, .width = (int64_t)n, .activation = ACTIVATION_IDENTITY}};
  struct fixture f = {.decoder = decoder_create(LATENT, 2, specs, loss),
                      .dictionary = dictionary_create(LATENT, trained),
                      .y = memory_new(real, SAMPLES * stride),
                      .weight_sum = memory_new(double, SAMPLES)};
  decoder_initialise(f.decoder, 1);
  for (uint64_t k = 0; k < (uint64_t)f.dictionary->count * LATENT; k++)
    f.dictionary->z[k / LATENT * real_padded(LATENT) + k % LATENT] =
        k < DICTIONARY_TRAINED * LATENT ? 0 : (real)(4.0 * rng_uniform(2, RNG_TEST, k, 0) - 2.0);
  dictionary_complete(f.dictionary);
  if (weighted) f.w = memory_new(real, SAMPLES * stride);
  for (uint64_t s = 0; s < SAMPLES; s++)
    for (uint64_t i = 0; i < n; i++) {
      const real weight = weighted ? (real)((s + i) % 3) : 1;
      if (weighted) f.w[s * stride + i] = weight;
      f.y[s * stride + i] =
          weight == 0 ? 0 : (real)(0.5 + 0.5 * sin(0.3 * (double)s + 0.01 * (double)(s * i)));
      f.weight_sum[s] += (double)weight;
    }
  f.samples = (struct samples){
      .count = SAMPLES, .y = f.y, .w = f.w, .weight_sum = f.weight_sum, .total = SAMPLES};
  return f;
}

static void unmake(struct fixture *f) {
  decoder_destroy(&f->decoder);
  dictionary_destroy(&f->dictionary);
  memory_free(&f->y);
  memory_free(&f->w);
  memory_free(&f->weight_sum);
}

static double loss_at(const struct fixture *f, struct objective *objective, int64_t sample,
                      int64_t entry) {
  const struct objective_row row = samples_row(&f->samples, f->decoder->n, sample);
  double loss;
  memcpy(objective_latents(objective), f->dictionary->z + (size_t)entry * real_padded(LATENT),
         real_padded(LATENT) * sizeof(real));
  objective_losses(objective, 1, &row, &loss);
  return loss;
}

// The entry found has the least loss of those that may be taken, to rounding.
static void check_sample(const struct fixture *f, struct objective *objective, const int64_t *found,
                         int64_t sample, int64_t from, int64_t count) {
  double *losses = memory_new(double, count);
  for (int64_t k = 0; k < count; k++) losses[k] = loss_at(f, objective, sample, k);
  for (size_t t = 0; t < TRIES; t++) {
    double least = INFINITY;
    for (int64_t k = from; k < count; k++) {
      bool apart = true;
      for (size_t s = 0; s < t; s++)
        apart = apart && dictionary_distance2(f->dictionary, found[s], k) > 0.25 * LATENT;
      if (apart) least = fmin(least, losses[k]);
    }
    CHECK(found[t] >= from, "sample %lld, try %zu: entry %lld", (long long)sample, t,
          (long long)found[t]);
    if (found[t] < from) break;
    const double loss = losses[found[t]];
    CHECK(loss <= least + 1e-5 * (1.0 + least), "sample %lld, try %zu: %.9g, not %.9g",
          (long long)sample, t, loss, least);
  }
  memory_free(&losses);
}

static void fill_in_order(int64_t sample[SAMPLES]) {
  for (int64_t i = 0; i < SAMPLES; i++) sample[i] = i;
}

// `most`: of the trained entries only the first ones; 0: all.
static void test_best(size_t n, int64_t trained, enum loss_kind loss, bool weighted, int64_t most) {
  struct fixture f = make(n, trained, loss, weighted);
  struct objective *objective = objective_create(f.decoder, 1, false);
  int64_t all[SAMPLES];
  fill_in_order(all);
  for (int trained_only = 0; trained_only < 2; trained_only++) {
    int64_t *found = memory_new(int64_t, SAMPLES * TRIES);
    double *losses = memory_new(double, SAMPLES *TRIES);
    const struct ranking_wishes wishes = {.zero = !trained_only,
                                          .mean = !trained_only,
                                          .trained = true,
                                          .most = most,
                                          .count = SAMPLES,
                                          .chosen = all,
                                          .rows = 7};
    ranking_run(f.decoder, f.dictionary, &f.samples, &wishes, TRIES,
                &(struct ranking_found){.entries = found, .losses = losses});
    for (int64_t k = 0; k < SAMPLES * TRIES; k++)
      CHECK(fabs(losses[k] / loss_at(&f, objective, k / TRIES, found[k]) - 1.0) < 1e-4,
            "the loss at start %lld of sample %lld", (long long)(k % TRIES),
            (long long)(k / TRIES));
    for (int64_t i = 0; i < SAMPLES; i++)
      check_sample(&f, objective, found + i * TRIES, i,
                   trained_only ? DICTIONARY_TRAINED : DICTIONARY_ZERO,
                   most > 0 ? DICTIONARY_TRAINED + most : f.dictionary->count);
    memory_free(&found);
    memory_free(&losses);
  }
  objective_destroy(&objective);
  unmake(&f);
}

// What a step from an entry is expected to reach.
static double expected_loss(const struct fixture *f, struct secants *secants, double loss,
                            int64_t entry) {
  const double factor = f->decoder->loss == LOSS_MSE ? 2.0 : 1.0;
  if (entry < DICTIONARY_TRAINED) return loss;
  return loss - factor * secants_gain(secants, entry) / (double)f->decoder->n;
}

// The start found is one of the entries with the least losses, and its step is expected to lead to
// the least one, to rounding.
static void check_steps(const struct fixture *f, struct objective *objective,
                        struct secants *secants, double *overlap, int64_t sample, int64_t found) {
  const size_t count = (size_t)f->dictionary->count, most = secants_most(f->decoder);
  double *losses = memory_new(double, count);
  for (size_t k = 0; k < count; k++) losses[k] = loss_at(f, objective, sample, (int64_t)k);
  for (size_t k = 0; k < count; k++) overlap[k] = (double)NAN;
  secants_begin_sample(secants, f->y + (size_t)sample * real_padded(f->decoder->n), 0, overlap);
  double least = INFINITY;
  for (size_t k = 0; k < count; k++) {
    size_t better = 0;
    for (size_t j = 0; j < count; j++) better += losses[j] < losses[k];
    if (better < most) least = fmin(least, expected_loss(f, secants, losses[k], (int64_t)k));
  }
  const double value = expected_loss(f, secants, losses[found], found);
  CHECK(value <= least + 1e-5 * (1.0 + fabs(least)), "sample %lld: %.9g expected, not %.9g",
        (long long)sample, value, least);
  memory_free(&losses);
}

// With guesses, entries are chosen by what steps from them are expected to reach, and each guess is
// where such a step leads.
static void test_steps(size_t n, int64_t trained, enum loss_kind loss) {
  struct fixture f = make(n, trained, loss, false);
  struct objective *objective = objective_create(f.decoder, 1, false);
  const size_t latent = real_padded(LATENT);
  int64_t all[SAMPLES];
  fill_in_order(all);
  int64_t *found = memory_new(int64_t, SAMPLES * TRIES);
  real *guesses = memory_new(real, SAMPLES * TRIES * latent);
  bool *guessed = memory_new(bool, SAMPLES *TRIES);
  real *x = memory_new(real, (size_t)f.dictionary->count * real_padded(n));
  for (size_t k = 0; k < (size_t)f.dictionary->count; k++)
    decode(f.decoder, f.dictionary->z + k * latent, x + k * real_padded(n));
  const struct ranking_wishes wishes = {
      .zero = true, .mean = true, .trained = true, .count = SAMPLES, .chosen = all, .rows = 7};
  ranking_run(f.decoder, f.dictionary, &f.samples, &wishes, TRIES,
              &(struct ranking_found){.entries = found, .guesses = guesses, .guessed = guessed});
  struct secants *secants = secants_create(f.decoder, f.dictionary, f.dictionary->count, x);
  double *overlap = memory_new(double, f.dictionary->count);
  for (int64_t i = 0; i < SAMPLES; i++) {
    const int64_t *entries = found + i * TRIES;
    real z[64];
    check_steps(&f, objective, secants, overlap, i, entries[0]);
    CHECK(dictionary_distance2(f.dictionary, entries[0], entries[1]) > 0.1 * LATENT,
          "the starts of sample %lld lie apart", (long long)i);
    for (size_t t = 0; t < TRIES; t++) {
      const size_t place = (size_t)i * TRIES + t;
      const bool expected = t == 0 || secants_most(f.decoder) > 1;
      CHECK(guessed[place] == (expected && entries[t] >= DICTIONARY_TRAINED), "a step from try %zu",
            t);
      if (!guessed[place] || !secants_step(secants, entries[t], z)) continue;
      for (size_t k = 0; k < LATENT; k++)
        CHECK(fabs((double)(guesses[place * latent + k] - z[k])) < 1e-4, "number %zu of a guess",
              k);
    }
  }
  secants_destroy(&secants);
  memory_free(&overlap);
  memory_free(&x);
  memory_free(&found);
  memory_free(&guesses);
  memory_free(&guessed);
  objective_destroy(&objective);
  unmake(&f);
}

// A sample's own entry, and that of an equal sample, are left out if asked; entries that are asked
// for alone are all there is.
static void test_own(void) {
  struct fixture f = make(40, 50, LOSS_MSE, false);
  for (int64_t i = 0; i < SAMPLES; i++)
    f.dictionary->origin[DICTIONARY_TRAINED + i] = ranking_origin(&f.samples, 40, i);
  memcpy(f.y, f.y + real_padded(40), real_padded(40) * sizeof(real));  // sample 0 as sample 1
  int64_t *found = memory_new(int64_t, SAMPLES * 2);
  int64_t all[SAMPLES];
  fill_in_order(all);
  struct ranking_wishes wishes = {
      .trained = true, .exclude_own = true, .count = SAMPLES, .chosen = all, .rows = 48};
  ranking_run(f.decoder, f.dictionary, &f.samples, &wishes, 2,
              &(struct ranking_found){.entries = found});
  for (int64_t i = 0; i < SAMPLES; i++)
    CHECK(found[2 * i] != DICTIONARY_TRAINED + i, "its own entry");
  CHECK(found[0] != DICTIONARY_TRAINED + 1, "that of an equal sample");
  wishes = (struct ranking_wishes){
      .mean = true, .count = 2, .chosen = (const int64_t[]){3, 5}, .rows = 48};
  ranking_run(f.decoder, f.dictionary, &f.samples, &wishes, 2,
              &(struct ranking_found){.entries = found});
  for (int64_t i = 0; i < SAMPLES; i++)
    CHECK((found[2 * i] == DICTIONARY_MEAN && found[2 * i + 1] == -1) == (i == 3 || i == 5),
          "the mean alone, of samples 3 and 5");
  memory_free(&found);
  unmake(&f);
}

// Entries that cost one evaluation: by the sizes of the products and, with bounds, of short
// vectors, if all of them are decoded at once.
static void test_most(void) {
  static const struct {
    int64_t hidden, n;
    enum loss_kind loss;
    bool weighted;
    int64_t most;
  } cases[] = {{128, 256, LOSS_BCE, false, 259},  {128, 256, LOSS_MSE, true, 259},
               {128, 256, LOSS_MSE, false, 1024}, {8, 256, LOSS_MSE, false, 64},
               {32, 256, LOSS_MSE, false, 262},   {128, 12288, LOSS_MSE, false, 256}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const struct layer_spec specs[] = {
        {.kind = LAYER_DENSE, .width = cases[k].hidden, .activation = ACTIVATION_TANH},
        {.kind = LAYER_DENSE, .width = cases[k].n, .activation = ACTIVATION_IDENTITY}};
    struct decoder *decoder = decoder_create(LATENT, 2, specs, cases[k].loss);
    const int64_t most = ranking_most(decoder, cases[k].weighted);
    CHECK(most == cases[k].most, "case %zu: %lld entries, not %lld", k, (long long)most,
          (long long)cases[k].most);
    decoder_destroy(&decoder);
  }
}

int main(void) {
  for (int weighted = 0; weighted < 2; weighted++) {
    test_best(100, 70, LOSS_MSE, weighted, 0);
    test_best(100, 70, LOSS_BCE, weighted, 0);
    test_best(100, 70, LOSS_BCE, weighted, 40);
  }
  test_best(200, 300, LOSS_MSE, false, 0);  // by bounds
  test_best(200, 300, LOSS_MSE, false, 200);
  test_best(131, 1000, LOSS_MSE, false, 0);
  test_best(20000, 250, LOSS_MSE, true, 0);  // more than is decoded at a time
  test_steps(200, 300, LOSS_MSE);
  test_steps(100, 70, LOSS_MSE);
  test_steps(100, 70, LOSS_BCE);
  test_own();
  test_most();
  return test_summary();
}
