// Sums must be right, and have the same bits however the summands are distributed over the ranks.
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/reduction.h"
#include "support/isa_test.h"
#include "support/mpi_test.h"

enum { SUMMANDS = 37, PARAMETERS = 1003 };

static real summand(int k, size_t i) {
  const double u = rng_uniform(3, RNG_TEST, (uint64_t)k, i) - 0.5;
  return (real)(u * pow(10.0, (double)(i % 7) - 3.0));
}

// The sum of all summands, or this rank's share of it, given to the ranks by `stride`, by a fresh
// reduction used twice.
static void sum_gradients(struct comm *comm, int stride, bool share, real *sum) {
  const size_t sizes[] = {600, 403};
  struct reduction *r = reduction_create(2, sizes);
  if (share) reduction_want_share(r, comm_share(comm, PARAMETERS).count);
  real *x = memory_new(real, PARAMETERS);
  int rounds = 0;
  for (int again = 0; again < 2; again++) {
    do {
      rounds++;
      reduction_begin(r, SUMMANDS);
      for (int k = 0; k < SUMMANDS; k++) {
        if (k / stride % comm_size(comm) != comm_rank(comm)) continue;
        for (size_t i = 0; i < PARAMETERS; i++) x[i] = summand(k, i);
        reduction_add(r, 1, x);
      }
    } while (!reduction_finish(r, comm_ranks(comm), NULL, 0.5, sum));
  }
  CHECK(rounds == 3, "the bounds were raised once, and the second sum needed no other: %d", rounds);
  memory_free(&x);
  reduction_destroy(&r);
}

static void gradients(struct comm *comm) {
  real *sum = memory_new(real, PARAMETERS), *other = memory_new(real, PARAMETERS);
  sum_gradients(comm, 1, false, sum);
  double worst = 0.0;
  for (size_t i = 0; i < PARAMETERS; i++) {
    double exact = 0.0;
    for (int k = 0; k < SUMMANDS; k++) exact += 0.5 * (double)summand(k, i);
    worst = fmax(worst, fabs((double)sum[i] - exact) / (1e-6 * fabs(exact) + 1e-8));
  }
  CHECK(worst < 1.0, "error in units of what is allowed: %g", worst);
  for (int stride = 2; stride <= SUMMANDS; stride *= 3) {
    sum_gradients(comm, stride, false, other);
    CHECK(memcmp(sum, other, PARAMETERS * sizeof *sum) == 0, "placed by %d, the bits differ",
          stride);
  }
  const struct comm_share share = comm_share(comm, PARAMETERS);
  memset(other, 0, PARAMETERS * sizeof *other);
  sum_gradients(comm, 2, true, other + share.first);
  comm_collect_shares(comm, other, PARAMETERS, sizeof *other);
  CHECK(memcmp(sum, other, PARAMETERS * sizeof *sum) == 0, "in shares, the bits differ");
  const enum isa fastest = isa_chosen();
  for (enum isa isa = ISA_PLAIN; isa < ISA_COUNT; isa++) {
    if (!isa_test_use(isa)) continue;
    sum_gradients(comm, 1, false, other);
    CHECK(memcmp(sum, other, PARAMETERS * sizeof *sum) == 0, "%s: the bits differ from %s",
          isa_name((int)isa), isa_name((int)fastest));
  }
  mpi_test_same_bits(comm, "reduction", sum, PARAMETERS * sizeof *sum);
  memory_free(&sum);
  memory_free(&other);
}

static void nonfinite_is_told(struct comm *comm) {
  const size_t sizes[] = {40};
  struct reduction *r = reduction_create(1, sizes);
  real x[40] = {0}, sum[40];
  if (comm_rank(comm) == comm_size(comm) - 1) x[17] = (real)NAN;
  reduction_begin(r, comm_size(comm));
  reduction_add(r, 1, x);
  CHECK(reduction_finish(r, comm_ranks(comm), NULL, 1.0, sum), "a NaN ends the sum");
  CHECK(isnan(sum[0]) && isnan(sum[39]), "and is passed on");
  CHECK(!reduction_is_finite(r), "and told");
  reduction_destroy(&r);
}

static void scalars(struct comm *comm) {
  double values[SUMMANDS], exact = 0.0;
  size_t mine = 0;
  for (int k = 0; k < SUMMANDS; k++) {
    const double value = 0.3 + (double)summand(k, 0);
    exact += value;
    if (k * 7 % SUMMANDS % comm_size(comm) == comm_rank(comm)) values[mine++] = value;
  }
  const double sum = reduction_sum(comm_ranks(comm), values, mine);
  CHECK(fabs(sum - exact) < 1e-14 * fabs(exact), "sum %.17g, exact %.17g", sum, exact);
  mpi_test_same_bits(comm, "reduction_sum", &sum, sizeof sum);
  CHECK(reduction_sum(comm_ranks(comm), values, 0) == 0.0, "an empty sum is 0");
  values[0] = comm_rank(comm) == 0 ? INFINITY : 1.0;
  CHECK(isnan(reduction_sum(comm_ranks(comm), values, 1)), "infinity makes NaN");
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  gradients(comm);
  nonfinite_is_told(comm);
  scalars(comm);
  return mpi_test_summary(&comm);
}
