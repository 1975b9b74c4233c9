// Every flow has a rank, and the ranks' costs are even.
#include <math.h>
#include <stdlib.h>

#include "engine/balance.h"
#include "ground/rng.h"
#include "support/test.h"

// The largest sum of a rank's costs over what no assignment can be below: the mean, or a flow.
static double excess(int64_t count, const int64_t *costs, int ranks) {
  int *rank_of = calloc((size_t)count, sizeof *rank_of);
  int64_t *sums = calloc((size_t)ranks, sizeof *sums), total = 0, largest = 0, dearest = 0;
  int wrong = 0;
  balance_flows(count, costs, ranks, rank_of);
  for (int64_t i = 0; i < count; i++) {
    const int64_t cost = costs[i] > 1 ? costs[i] : 1;
    if (rank_of[i] < 0 || rank_of[i] >= ranks) {
      wrong++;
      continue;
    }
    sums[rank_of[i]] += cost;
    total += cost;
    if (cost > dearest) dearest = cost;
  }
  for (int r = 0; r < ranks; r++)
    if (sums[r] > largest) largest = sums[r];
  CHECK(wrong == 0, "%d of %lld flows are on no rank", wrong, (long long)count);
  free(rank_of);
  free(sums);
  return (double)largest / fmax((double)total / ranks, (double)dearest);
}

static void random_costs(void) {
  enum { MOST = 20000 };
  static const int ranks[] = {1, 2, 3, 7, 64};
  int64_t *costs = calloc(MOST, sizeof *costs);
  for (uint64_t i = 0; i < MOST; i++)
    costs[i] = 10 + (int64_t)(20.0 * rng_uniform(1, RNG_TEST, 0, i)) +
               (i % 17 == 0 ? 60 : 0);  // some take much longer
  for (size_t k = 0; k < sizeof ranks / sizeof *ranks; k++)
    for (int64_t each = 4; each * ranks[k] <= MOST && each <= 300; each *= 3) {
      const double found = excess(each * ranks[k], costs, ranks[k]);
      CHECK(found <= 1.08, "%d ranks, %lld flows each: %g", ranks[k], (long long)each, found);
    }
  free(costs);
}

static void even_costs(void) {
  static const int64_t none[256] = {0};
  CHECK(excess(256, none, 64) == 1.0, "flows of unknown costs are dealt out evenly");
  CHECK(excess(256, none, 2) == 1.0, "and cut evenly");
  CHECK(excess(3, none, 64) == 1.0, "some ranks have none");
  CHECK(excess(1, none, 1) == 1.0, "one flow, one rank");
}

int main(void) {
  random_costs();
  even_costs();
  return test_summary();
}
