// Sums in any order against exactly known ones.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ground/rng.h"
#include "numerics/exact_sum.h"
#include "support/test.h"

static double sum_of(const double *values, size_t count) {
  struct exact_sum sum = {0};
  for (size_t i = 0; i < count; i++) exact_sum_add(&sum, values[i]);
  return exact_sum_value(&sum);
}

#define SUM(...) \
  sum_of((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void known_sums(void) {
  CHECK(sum_of(NULL, 0) == 0.0, "nothing");
  CHECK(SUM(1.0) == 1.0 && SUM(-1.5) == -1.5 && SUM(0.1) == 0.1, "one number");
  CHECK(SUM(DBL_MAX, 1.0, -DBL_MAX) == 1.0, "what a double would lose");
  CHECK(SUM(1.0, 0x1p-1074, -1.0) == 0x1p-1074, "to the last bit");
  CHECK(SUM(0x1p-1074, 0x1p-1074) == 0x1p-1073 && SUM(DBL_MIN, -DBL_MIN / 2) == DBL_MIN / 2,
        "the smallest numbers");
  CHECK(SUM(1.0, 0x1p-53) == 1.0, "a tie goes to even, down");
  CHECK(SUM(1.0 + 0x1p-52, 0x1p-53) == 1.0 + 0x1p-51, "a tie goes to even, up");
  CHECK(SUM(1.0, 0x1p-53, 0x1p-1000) == 1.0 + 0x1p-52, "a little more than a tie");
  CHECK(SUM(1.0, 0x1p-53, -0x1p-1000) == 1.0, "a little less than a tie");
  CHECK(SUM(DBL_MAX, DBL_MAX) == INFINITY && SUM(-DBL_MAX, -DBL_MAX) == -INFINITY, "too large");
  CHECK(isnan(SUM(1.0, INFINITY)) && isnan(SUM(NAN)), "no numbers");
}

// A carry leaves the sum as it is and room in every limb but the last.
static void carries(void) {
  struct exact_sum sum = {0};
  int64_t exact = 0;
  for (int64_t i = 1; i <= 20000; i++) {
    const int64_t x = (i % 3 == 0 ? -1 : 1) * i * i;
    exact += x;
    exact_sum_add(&sum, ldexp((double)x, -30));
    if (i % 777 == 0) exact_sum_carry(&sum);
  }
  exact_sum_carry(&sum);
  CHECK(exact_sum_value(&sum) == ldexp((double)exact, -30), "%.17g", exact_sum_value(&sum));
  for (int i = 0; i + 1 < EXACT_LIMBS; i++)
    CHECK(sum.limbs[i] >= 0 && sum.limbs[i] < (int64_t)1 << 32, "limb %d", i);
}

// Every double comes back.
static void single_numbers(void) {
  int wrong = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    const double x = ldexp(rng_uniform(1, RNG_TEST, 0, i) - 0.5, (int)(i % 2098) - 1073);
    wrong += sum_of(&x, 1) != x;
  }
  CHECK(wrong == 0, "%d numbers have changed", wrong);
}

// Integers, which a word sums exactly, scaled and in two parts as on two ranks.
static void random_sums(void) {
  int wrong = 0;
  for (int trial = 0; trial < 500; trial++) {
    struct exact_sum parts[2] = {{{0}, 0}, {{0}, 0}};
    int64_t exact = 0;
    const int exponent = trial * 4 - 1050;
    for (uint64_t i = 0; i < 200; i++) {
      const int64_t integer =
          (int64_t)(rng_bits(2, RNG_TEST, (uint64_t)trial, i) >> 11) - ((int64_t)1 << 52);
      exact += integer;
      exact_sum_add(&parts[i % 3 == 0], ldexp((double)integer, exponent));
    }
    for (int k = 0; k < EXACT_LIMBS; k++) parts[0].limbs[k] += parts[1].limbs[k];
    wrong += exact_sum_value(&parts[0]) != ldexp((double)exact, exponent);
  }
  CHECK(wrong == 0, "%d sums are wrong", wrong);
}

int main(void) {
  known_sums();
  carries();
  single_numbers();
  random_sums();
  return test_summary();
}
