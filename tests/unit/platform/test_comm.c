#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "platform/comm.h"
#include "support/mpi_test.h"

static void reductions(struct comm *comm) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  int64_t integers[] = {1, rank};
  comm_sum_int64(comm, integers, 2);
  CHECK(integers[0] == size && integers[1] == size * (size - 1) / 2, "sums");
  integers[0] = rank;
  comm_max_int64(comm, integers, 1);
  CHECK(integers[0] == size - 1, "largest integer");
  double number = -rank;
  comm_max_double(comm, &number, 1);
  CHECK(number == 0.0, "largest number");
}

static void broadcast_and_gather(struct comm *comm) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  char text[32] = "";
  if (rank == size - 1) strcpy(text, "from the last rank");
  comm_broadcast(comm, text, sizeof text, size - 1);
  CHECK(strcmp(text, "from the last rank") == 0, "received '%s'", text);
  const double mine[] = {rank, rank + 0.5};
  double *all = memory_new(double, 2 * size);
  comm_gather_double(comm, mine, 2, all);
  if (rank == 0) CHECK(all[2 * size - 1] == size - 0.5, "gathered %g", all[2 * size - 1]);
  memory_free(&all);
}

// Rank r sends q items to rank q, each the pair (r, q).
static void exchange(struct comm *comm) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  int *send_counts = memory_new(int, size), *receive_counts = memory_new(int, size);
  for (int q = 0; q < size; q++) {
    send_counts[q] = q;
    receive_counts[q] = rank;
  }
  int(*send)[2] = memory_allocate((size_t)(size * size), sizeof *send);
  int(*receive)[2] = memory_allocate((size_t)(size * size), sizeof *receive);
  for (int q = 0, at = 0; q < size; q++)
    for (int k = 0; k < q; k++, at++) {
      send[at][0] = rank;
      send[at][1] = q;
    }
  comm_exchange(comm, sizeof *send, send, send_counts, receive, receive_counts);
  int wrong = 0;
  for (int r = 0, at = 0; r < size; r++)
    for (int k = 0; k < rank; k++, at++) wrong += receive[at][0] != r || receive[at][1] != rank;
  CHECK(wrong == 0, "%d items are wrong", wrong);
  memory_free(&send_counts);
  memory_free(&receive_counts);
  memory_free(&send);
  memory_free(&receive);
}

static void point_to_point(struct comm *comm) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  int token = rank;
  if (rank > 0) comm_receive(comm, &token, sizeof token, rank - 1);
  CHECK(token == 0, "the token is %d", token);
  if (rank + 1 < size) comm_send(comm, &token, sizeof token, rank + 1);
}

static void check_ranges(int64_t count, int ranks) {
  CHECK(comm_share_first(count, ranks, 0) == 0 && comm_share_first(count, ranks, ranks) == count,
        "the ranks should have all");
  int uneven = 0;
  for (int rank = 0; rank < ranks; rank++) {
    const int64_t size =
        comm_share_first(count, ranks, rank + 1) - comm_share_first(count, ranks, rank);
    uneven += llabs(size - count / ranks) > 1;
  }
  CHECK(uneven == 0, "%lld things: %d of %d ranks have too many or few", (long long)count, uneven,
        ranks);
}

static void check_homes(int64_t count, int ranks) {
  int wrong = 0;
  for (int64_t i = 0; i < count; i += 1 + count / 100) {
    const int home = comm_share_home(count, ranks, i);
    wrong += !(comm_share_first(count, ranks, home) <= i &&
               i < comm_share_first(count, ranks, home + 1));
  }
  CHECK(wrong == 0, "%lld things on %d ranks: %d are not at home", (long long)count, ranks, wrong);
}

// Every thing has one home, in the range of that rank; the ranges follow each other and are even.
static void shares(void) {
  static const int64_t counts[] = {1, 2, 3, 7, 50, 1000003};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int ranks = 1; ranks < 70; ranks += 3) {
      check_ranges(counts[c], ranks);
      check_homes(counts[c], ranks);
    }
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  const struct error none = {""};
  comm_settle(comm, &none);
  reductions(comm);
  broadcast_and_gather(comm);
  exchange(comm);
  point_to_point(comm);
  shares();
  CHECK(comm_library()[0] != '\0', "the library has a name");
  return mpi_test_summary(&comm);
}
