// Lists of the best entries, against sorting all of them.
#include <math.h>

#include "engine/best_entries.h"
#include "ground/rng.h"
#include "support/test.h"

enum { COUNT = 200 };

// How many of all values are higher, or equal and earlier.
static size_t rank_of(const double *value, int64_t entry) {
  size_t rank = 0;
  for (int64_t k = 0; k < COUNT; k++)
    rank += value[k] > value[entry] || (k < entry && value[k] == value[entry]);
  return rank;
}

// Entries are offered in an order of their own: step by step, modulo their number.
static void test_sorted(size_t most, double steps, int64_t step) {
  struct best_entries best = {.most = most};
  double value[COUNT];
  for (int64_t k = 0; k < COUNT; k++) {
    value[k] = floor(steps * rng_uniform(1, RNG_TEST, (uint64_t)k, 0)) / steps;
    if (k % 7 == 3) value[k] = (double)NAN;
  }
  for (int64_t k = 0; k < COUNT; k++)
    best_entries_add(&best, k * step % COUNT, value[k * step % COUNT]);
  CHECK(best.count == most, "%zu entries, not %zu", best.count, most);
  for (size_t i = 0; i < best.count; i++) {
    CHECK(rank_of(value, best.entry[i]) == i, "place %zu of %zu: entry %lld", i, most,
          (long long)best.entry[i]);
    CHECK(best.value[i] == value[best.entry[i]], "the value of place %zu", i);
    CHECK(best_entries_has(&best, best.entry[i]), "it is there");
  }
  CHECK(!best_entries_has(&best, 3), "one without a value is not");
}

static void test_few(void) {
  struct best_entries best = {.most = 3};
  CHECK(best_entries_least(&best) == -INFINITY, "anything is good enough for an empty list");
  best_entries_add(&best, 7, -2.0);
  best_entries_add(&best, 5, -2.0);
  CHECK(best.count == 2 && best.entry[0] == 5 && best.entry[1] == 7, "equal ones in their order");
  best_entries_add(&best, 9, -3.0);
  CHECK(!(best_entries_least(&best) > -3.0 || best_entries_least(&best) < -3.0),
        "a full list asks for more than its last value");
}

int main(void) {
  for (int64_t step = 1; step < 20; step += 6) {  // without common divisors with COUNT
    test_sorted(1, 1e6, step);
    test_sorted(5, 4.0, step);  // many are equal
    test_sorted(BEST_ENTRIES_MOST, 20.0, step);
  }
  test_few();
  return test_summary();
}
