// Checks of tests that run on several ranks.
#ifndef GFE_MPI_TEST_H
#define GFE_MPI_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/comm.h"
#include "support/test.h"

// Results that must have the same bits for any number of ranks: their hash is printed by rank 0,
// and tests/run_ranks.py compares these lines over all runs of the test.
static inline void mpi_test_same_bits(struct comm *comm, const char *name, const void *data,
                                      size_t bytes) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < bytes; i++)
    hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001b3U;
  if (comm_rank(comm) == 0) printf("bits %s %016llx\n", name, (unsigned long long)hash);
}

// Adds up the counts of all ranks, prints them, ends MPI and returns the exit code.
static inline int mpi_test_summary(struct comm **comm) {
  int64_t counts[] = {test_passed, test_failed};
  fflush(stdout);
  comm_sum_int64(*comm, counts, 2);
  if (comm_rank(*comm) == 0)
    printf("%lld passed, %lld failed\n", (long long)counts[0], (long long)counts[1]);
  fflush(stdout);
  comm_finish(comm);
  return counts[1] == 0 && counts[0] > 0 ? 0 : 1;
}

#endif
