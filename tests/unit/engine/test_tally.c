#include "engine/tally.h"
#include "support/mpi_test.h"

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  static struct tally tally;
  struct encoding *encoding = encoding_create(100, 2);
  for (int i = 0; i < 100; i++) {
    encoding->evaluations[i] = i + 1;
    encoding->status[i] = i < 90 ? STATUS_CONVERGED : STATUS_LIMIT;
  }
  tally_clear(&tally);
  tally_add(&tally, encoding, 100);
  tally_combine(&tally, comm);
  const int64_t ranks = comm_size(comm);
  CHECK(tally.samples == 100 * ranks, "%lld samples", (long long)tally.samples);
  CHECK(tally_mean(&tally) == 50.5, "mean %g", tally_mean(&tally));
  CHECK(tally_percentile(&tally, 0.5) == 50, "p50 %lld", (long long)tally_percentile(&tally, 0.5));
  CHECK(tally_percentile(&tally, 0.99) == 99, "p99");
  CHECK(tally_percentile(&tally, 1.0) == 100, "max");
  CHECK(tally_not_converged(&tally) == 10 * ranks, "not converged");
  // Beyond the exact bins: rank 0 has 100 large ones, the others one each.
  const int64_t large[] = {4095, 4096, 6001, 123456, 1000000, INT64_C(1) << 40};
  for (int k = 0; k < 6; k++) {
    const int64_t count = comm_rank(comm) == 0 ? 100 : 1;
    for (int i = 0; i < 100; i++) encoding->evaluations[i] = large[k];
    tally_clear(&tally);
    tally_add(&tally, encoding, count);
    tally_combine(&tally, comm);
    CHECK(tally_percentile(&tally, 1.0) == large[k] && tally_percentile(&tally, 0.5) == large[k],
          "all %lld: %lld", (long long)large[k], (long long)tally_percentile(&tally, 0.5));
  }
  for (int i = 0; i < 100; i++) encoding->evaluations[i] = 100 * (i + 1);
  tally_clear(&tally);
  tally_add(&tally, encoding, 100);
  tally_combine(&tally, comm);
  CHECK(tally_percentile(&tally, 0.4) == 4000, "exact: %lld",
        (long long)tally_percentile(&tally, 0.4));
  const int64_t p90 = tally_percentile(&tally, 0.9);
  CHECK(p90 >= 9000 && p90 <= 9000 + 9000 / TALLY_FINE, "p90 %lld", (long long)p90);
  CHECK(tally_percentile(&tally, 1.0) == 10000, "max");
  encoding_destroy(&encoding);
  return mpi_test_summary(&comm);
}
