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
  encoding->evaluations[0] = 1000000;
  tally_add(&tally, encoding, 1);
  CHECK(tally_percentile(&tally, 1.0) == TALLY_BINS - 1, "the last bin takes what is beyond");
  encoding_destroy(&encoding);
  return mpi_test_summary(&comm);
}
