// Every thing has one home, in the range of that rank; the ranges follow each other and are even.
#include <stdlib.h>

#include "platform/distribution.h"
#include "support/test.h"

static void check_ranges(int64_t count, int ranks) {
  CHECK(
      distribution_first(count, ranks, 0) == 0 && distribution_first(count, ranks, ranks) == count,
      "the ranks should have all");
  int uneven = 0;
  for (int rank = 0; rank < ranks; rank++) {
    const int64_t size =
        distribution_first(count, ranks, rank + 1) - distribution_first(count, ranks, rank);
    uneven += llabs(size - count / ranks) > 1;
  }
  CHECK(uneven == 0, "%lld things: %d of %d ranks have too many or few", (long long)count, uneven,
        ranks);
}

static void check_homes(int64_t count, int ranks) {
  int wrong = 0;
  for (int64_t i = 0; i < count; i += 1 + count / 100) {
    const int home = distribution_home(count, ranks, i);
    wrong += !(distribution_first(count, ranks, home) <= i &&
               i < distribution_first(count, ranks, home + 1));
  }
  CHECK(wrong == 0, "%lld things on %d ranks: %d are not at home", (long long)count, ranks, wrong);
}

int main(void) {
  static const int64_t counts[] = {1, 2, 3, 7, 50, 1000003};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int ranks = 1; ranks < 70; ranks += 3) {
      check_ranges(counts[c], ranks);
      check_homes(counts[c], ranks);
    }
  return test_summary();
}
