// Steps from an entry of a dictionary, against those from normal equations in double.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/secants.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/dense.h"
#include "support/decode.h"
#include "support/test.h"

enum { LATENT = 3, ENTRIES = 40, TRAINED = 60 };

struct fixture {
  struct decoder *decoder;
  struct dictionary *dictionary;
  real *x;  // [count][real_padded(ENTRIES)]
};

static struct fixture make(enum loss_kind loss, int64_t trained) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_TANH},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct fixture f = {.decoder = decoder_create(LATENT, 2, specs, loss),
                      .dictionary = dictionary_create(LATENT, trained)};
  decoder_initialise(f.decoder, 1);
  struct dictionary *dictionary = f.dictionary;
  for (uint64_t k = DICTIONARY_TRAINED; k < (uint64_t)dictionary->count; k++) {
    dictionary->origin[k] = (int64_t)k + 1;
    for (uint64_t i = 0; i < LATENT; i++)
      dictionary->z[k * real_padded(LATENT) + i] =
          (real)(4.0 * rng_uniform(2, RNG_TEST, k, i) - 2.0);
  }
  dictionary_complete(dictionary);
  f.x = memory_new(real, (size_t)dictionary->count * real_padded(ENTRIES));
  for (size_t k = 0; k < (size_t)dictionary->count; k++)
    decode(f.decoder, dictionary->z + k * real_padded(LATENT), f.x + k * real_padded(ENTRIES));
  return f;
}

static void unmake(struct fixture *f) {
  decoder_destroy(&f->decoder);
  dictionary_destroy(&f->dictionary);
  memory_free(&f->x);
}

// The `count` trained entries nearest to one, without that of an origin.
static void nearest(const struct fixture *f, int64_t entry, int64_t origin, size_t count,
                    int64_t *found) {
  for (size_t j = 0; j < count; j++) {
    double least = INFINITY;
    for (int64_t k = DICTIONARY_TRAINED; k < f->dictionary->count; k++) {
      bool free = k != entry && f->dictionary->origin[k] != origin;
      for (size_t i = 0; i < j; i++) free = free && k != found[i];
      const double distance = dictionary_distance2(f->dictionary, entry, k);
      if (free && distance < least) {
        least = distance;
        found[j] = k;
      }
    }
  }
}

static double output(const struct fixture *f, int64_t entry, size_t k) {
  return (double)f->x[(size_t)entry * real_padded(ENTRIES) + k];
}

static double latent(const struct fixture *f, int64_t entry, size_t i) {
  return (double)f->dictionary->z[(size_t)entry * real_padded(LATENT) + i];
}

// Minimises the sum over k of c_k (x_k - t_k)^2 over steps along the secants, where c_k is the
// curvature of the loss at the entry and t_k the minimum of its parabola, with 1 % of the mean of
// the diagonal added to it. Returns nine tenths of what this gains, in units of the loss.
static double expect(const struct fixture *f, int64_t entry, int64_t origin, const real *y,
                     double *z) {
  int64_t near[LATENT];
  double a[LATENT * LATENT], b[LATENT] = {0}, trace = 0.0;
  nearest(f, entry, origin, LATENT, near);
  for (size_t i = 0; i < LATENT; i++)
    for (size_t j = 0; j < LATENT; j++) {
      a[i * LATENT + j] = 0.0;
      for (size_t k = 0; k < ENTRIES; k++) {
        const double x = output(f, entry, k), p = 1.0 / (1.0 + exp(-x));
        const double c = f->decoder->loss == LOSS_BCE ? p * (1.0 - p) : 1.0;
        const double left = (double)y[k] - (f->decoder->loss == LOSS_BCE ? p : x);
        a[i * LATENT + j] += c * (output(f, near[i], k) - x) * (output(f, near[j], k) - x);
        if (j == 0) b[i] += left * (output(f, near[i], k) - x);
      }
    }
  for (size_t i = 0; i < LATENT; i++) trace += a[i * LATENT + i];
  for (size_t i = 0; i < LATENT; i++) a[i * LATENT + i] += 0.01 * trace / LATENT;
  CHECK(dense_cholesky(LATENT, a), "positive definite");
  double right[LATENT];
  memcpy(right, b, sizeof right);
  dense_cholesky_solve(LATENT, a, 1, b);
  for (size_t i = 0; i < LATENT; i++) {
    z[i] = latent(f, entry, i);
    for (size_t j = 0; j < LATENT; j++)
      z[i] += b[j] * (latent(f, near[j], i) - latent(f, entry, i));
  }
  return 0.45 * dense_dot(LATENT, right, b);
}

static void begin(struct secants *secants, const struct fixture *f, const real *y, int64_t origin,
                  double *overlap) {
  for (int64_t k = 0; k < f->dictionary->count; k++) overlap[k] = (double)NAN;
  secants_begin_sample(secants, y, origin, overlap);
}

static void test_step(enum loss_kind loss) {
  struct fixture f = make(loss, TRAINED);
  struct secants *secants = secants_create(f.decoder, f.dictionary, f.dictionary->count, f.x);
  real y[64] = {0}, z[64];
  double overlap[DICTIONARY_TRAINED + TRAINED];
  for (uint64_t k = 0; k < ENTRIES; k++) y[k] = (real)rng_uniform(3, RNG_TEST, k, 0);
  for (int64_t entry = DICTIONARY_TRAINED; entry < f.dictionary->count; entry += 7) {
    double expected[LATENT], off = 0.0;
    int64_t next = entry;
    nearest(&f, entry, 0, 1, &next);
    for (int64_t origin = 0; origin <= next + 1; origin += next + 1) {
      const double gain = expect(&f, entry, origin, y, expected);
      begin(secants, &f, y, origin, overlap);
      CHECK(secants_step(secants, entry, z), "%s: a step", loss_name(loss));
      CHECK(fabs(secants_gain(secants, entry) / gain - 1.0) < (sizeof(real) == 4 ? 1e-3 : 1e-9),
            "%s: a gain of %g, not %g", loss_name(loss), secants_gain(secants, entry), gain);
      for (size_t i = 0; i < LATENT; i++) off = fmax(off, fabs((double)z[i] - expected[i]));
    }
    CHECK(off < (sizeof(real) == 4 ? 1e-3 : 1e-9), "%s, entry %lld: %g beside it", loss_name(loss),
          (long long)entry, off);
  }
  secants_destroy(&secants);
  unmake(&f);
}

// With fewer other entries than a latent has numbers, the step lies among them.
static void test_few(void) {
  struct fixture f = make(LOSS_MSE, 2);
  struct secants *secants = secants_create(f.decoder, f.dictionary, f.dictionary->count, f.x);
  const int64_t entry = DICTIONARY_TRAINED;
  const real *to = f.x + (size_t)(entry + 1) * real_padded(ENTRIES);
  real z[64];
  double overlap[DICTIONARY_TRAINED + 2];
  begin(secants, &f, to, 0, overlap);
  CHECK(secants_step(secants, entry, z), "a step to the other entry");
  for (size_t i = 0; i < LATENT; i++) {
    const double from = latent(&f, entry, i), whole = latent(&f, entry + 1, i) - from;
    CHECK(fabs((double)z[i] - from - whole / 1.01) < 1e-5, "number %zu of the latent", i);
  }
  begin(secants, &f, to, f.dictionary->origin[entry + 1], overlap);
  CHECK(!secants_step(secants, entry, z) && !(secants_gain(secants, entry) > 0.0), "none is left");
  secants_destroy(&secants);
  unmake(&f);
}

// Twice as many as surround a point, unless that costs too much.
static void test_most(void) {
  static const struct {
    int64_t latent, hidden;
    size_t most;
  } cases[] = {{1, 128, 4}, {2, 128, 8}, {4, 128, 32}, {16, 128, 12}, {16, 4, 1}, {17, 800, 1}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const struct layer_spec specs[] = {
        {.kind = LAYER_DENSE, .width = cases[k].hidden, .activation = ACTIVATION_TANH},
        {.kind = LAYER_DENSE, .width = 256, .activation = ACTIVATION_IDENTITY}};
    struct decoder *decoder = decoder_create((size_t)cases[k].latent, 2, specs, LOSS_MSE);
    const size_t most = secants_most(decoder);
    CHECK(most == cases[k].most, "case %zu: %zu entries, not %zu", k, most, cases[k].most);
    decoder->loss = LOSS_BCE;
    CHECK(secants_most(decoder) == 1, "case %zu: with bce, steps are not compared", k);
    decoder_destroy(&decoder);
  }
}

int main(void) {
  test_step(LOSS_MSE);
  test_step(LOSS_BCE);
  test_few();
  test_most();
  return test_summary();
}
