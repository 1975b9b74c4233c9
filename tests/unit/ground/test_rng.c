#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ground/rng.h"
#include "support/test.h"

static void uniform_moments(void) {
  enum { COUNT = 100000 };
  double sum = 0.0, square = 0.0, product = 0.0, before = 0.5;
  for (uint64_t i = 0; i < COUNT; i++) {
    const double u = rng_uniform(7, RNG_TEST, 3, i);
    if (!(u > 0.0 && u < 1.0)) CHECK(false, "%g is not inside (0, 1)", u);
    sum += u;
    square += u * u;
    product += (u - 0.5) * (before - 0.5);
    before = u;
  }
  CHECK(fabs(sum / COUNT - 0.5) < 4.0 / sqrt(12.0 * COUNT), "mean %g", sum / COUNT);
  CHECK(fabs(square / COUNT - 1.0 / 3.0) < 4.0 * sqrt(4.0 / 45.0 / COUNT), "mean square %g",
        square / COUNT);
  CHECK(fabs(product / COUNT) < 4.0 / 12.0 / sqrt(COUNT), "serial covariance %g", product / COUNT);
}

static void arguments_matter(void) {
  const uint64_t bits = rng_bits(1, 2, 3, 4);
  CHECK(bits == rng_bits(1, 2, 3, 4), "the same arguments, the same bits");
  CHECK(bits != rng_bits(2, 2, 3, 4) && bits != rng_bits(1, 3, 3, 4) &&
            bits != rng_bits(1, 2, 4, 4) && bits != rng_bits(1, 2, 3, 5),
        "other arguments, other bits");
}

static void permutations(void) {
  const int64_t counts[] = {1, 2, 3, 5, 16, 17, 1000, 1200, 60000};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
    const int64_t count = counts[k];
    bool *seen = calloc((size_t)count, sizeof *seen);
    int64_t hits = 0, fixed = 0, back = 0;
    for (int64_t i = 0; i < count; i++) {
      const int64_t image = rng_permute(5, 1, count, i);
      if (image >= 0 && image < count && !seen[image]) hits++;
      if (image >= 0 && image < count) seen[image] = true;
      fixed += image == i;
      back += rng_permute_back(5, 1, count, image) == i;
    }
    CHECK(hits == count, "%lld of %lld are hit", (long long)hits, (long long)count);
    CHECK(count < 1000 || fixed < 10, "%lld fixed points of %lld", (long long)fixed,
          (long long)count);
    CHECK(back == count, "%lld of %lld find back", (long long)back, (long long)count);
    free(seen);
  }
}

// Neighbours must not stay neighbours: the mean distance in a random order is a third of the range.
static void permutation_spreads(void) {
  enum { COUNT = 1200 };
  double distance = 0.0;
  for (int64_t i = 1; i < COUNT; i++)
    distance += fabs((double)(rng_permute(1, 0, COUNT, i) - rng_permute(1, 0, COUNT, i - 1)));
  distance /= COUNT;
  CHECK(fabs(distance / COUNT - 1.0 / 3.0) < 0.03, "mean distance of neighbours %g", distance);
}

int main(void) {
  uniform_moments();
  arguments_matter();
  permutations();
  permutation_spreads();
  return test_summary();
}
