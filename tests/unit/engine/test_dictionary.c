// A dictionary of latents: its mean, and the coordinates in which its entries have covariance 1.
#include <math.h>

#include "engine/dictionary.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

enum { LATENT = 5, TRAINED = 200 };

// Latents far from 0, of different lengths along the axes, the last one unused.
static struct dictionary *make(void) {
  struct dictionary *dictionary = dictionary_create(LATENT, TRAINED);
  for (int64_t k = DICTIONARY_TRAINED; k < dictionary->count; k++)
    for (uint64_t i = 0; i < LATENT - 1; i++)
      dictionary->z[(size_t)k * real_padded(LATENT) + i] =
          (real)(3.0 + pow(3.0, (double)i) * (rng_uniform(1, RNG_TEST, (uint64_t)k, i) +
                                              rng_uniform(1, RNG_TEST, (uint64_t)k, 0) - 1.0));
  dictionary_complete(dictionary);
  return dictionary;
}

static void test_coordinates(void) {
  struct dictionary *dictionary = make();
  const double *u = dictionary->standardised;
  for (size_t i = 0; i < LATENT - 1; i++) {
    double mean = 0.0;
    for (int64_t k = DICTIONARY_TRAINED; k < dictionary->count; k++)
      mean += u[(size_t)k * LATENT + i] / TRAINED;
    CHECK(fabs(mean) < 1e-10, "mean %g", mean);
    for (size_t j = 0; j <= i; j++) {
      double product = 0.0;
      for (int64_t k = DICTIONARY_TRAINED; k < dictionary->count; k++)
        product += u[(size_t)k * LATENT + i] * u[(size_t)k * LATENT + j] / TRAINED;
      CHECK(fabs(product - (i == j)) < 0.01, "covariance %zu %zu is %g", i, j, product);
    }
  }
  CHECK(isfinite(dictionary_distance2(dictionary, DICTIONARY_ZERO, 7)), "an unused latent");
  CHECK(dictionary_distance2(dictionary, 7, 7) == 0.0, "a distance from itself");
  const uint64_t sum = dictionary_checksum(dictionary);
  dictionary->z[3 * real_padded(LATENT)] += (real)0.01;
  CHECK(sum != dictionary_checksum(dictionary), "another latent has another checksum");
  dictionary_destroy(&dictionary);
}

// Of one latent, or of none, nothing is divided by 0.
static void test_few(void) {
  for (int64_t trained = 0; trained < 2; trained++) {
    struct dictionary *dictionary = dictionary_create(LATENT, trained);
    dictionary_complete(dictionary);
    CHECK(dictionary_distance2(dictionary, 0, dictionary->count - 1) == 0.0, "all are 0");
    dictionary_destroy(&dictionary);
  }
}

int main(void) {
  test_coordinates();
  test_few();
  return test_summary();
}
