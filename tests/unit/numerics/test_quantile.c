// Quantiles of numbers distributed over ranks are those of all of them sorted in one place.
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/quantile.h"
#include "support/mpi_test.h"

enum { MOST = 200 };

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Some equal, some 0, some of very different size.
static double number(int64_t i) {
  const double u = rng_uniform(3, RNG_TEST, (uint64_t)i, 0);
  return i % 7 == 0 ? 0.0 : i % 5 == 0 ? 0.25 : i % 11 == 0 ? ldexp(u, -1000) : u;
}

static void compare(struct comm *comm, int64_t total) {
  double all[MOST], mine[MOST];
  size_t count = 0;
  for (int64_t i = 0; i < total; i++) {
    all[i] = number(i);
    if (i % comm_size(comm) == comm_rank(comm)) mine[count++] = all[i];
  }
  qsort(all, (size_t)total, sizeof *all, rising);
  qsort(mine, count, sizeof *mine, rising);
  for (int k = 0; k <= 20; k++) {
    const double q = k / 20.0, where = q * (double)(total - 1);
    const int64_t low = (int64_t)where, high = low + 1 < total ? low + 1 : low;
    const double expected = all[low] + (where - (double)low) * (all[high] - all[low]);
    const double found = quantile(comm_ranks(comm), mine, count, q);
    CHECK(found == expected, "%g of %lld numbers is %g, not %g", q, (long long)total, expected,
          found);
  }
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  const int64_t totals[] = {1, 2, 3, 20, 57, MOST};
  for (size_t k = 0; k < sizeof totals / sizeof *totals; k++) compare(comm, totals[k]);
  CHECK(isnan(quantile(comm_ranks(comm), NULL, 0, 0.5)), "of nothing");
  const double extremes[] = {DBL_TRUE_MIN, DBL_MAX};
  CHECK(quantile(NULL, extremes, 2, 0.0) == DBL_TRUE_MIN, "the smallest number there is");
  CHECK(quantile(NULL, extremes, 2, 1.0) == DBL_MAX, "the largest");
  return mpi_test_summary(&comm);
}
