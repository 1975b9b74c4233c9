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
  for (int64_t many = 0; many < 3000; many = 2 * many + 1) {  // in short and long messages
    int64_t *sums = memory_new(int64_t, many), *maxima = memory_new(int64_t, many);
    for (int64_t i = 0; i < many; i++) {
      sums[i] = i + rank;
      maxima[i] = i - rank;
    }
    comm_combine(comm, &(struct ranks_numbers){sums, maxima, (size_t)many, (size_t)many});
    int wrong = 0;
    for (int64_t i = 0; i < many; i++)
      wrong += sums[i] != i * size + size * (size - 1) / 2 || maxima[i] != i;
    CHECK(wrong == 0, "%d of %lld numbers are wrong", wrong, (long long)many);
    memory_free(&sums);
    memory_free(&maxima);
  }
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

// Sums of which each rank gets its share, and shares that all ranks get, of any number of elements.
static void share_out(struct comm *comm) {
  for (size_t count = 0; count < 300; count = 3 * count + 1) {
    const struct comm_share share = comm_share(comm, count);
    double *values = memory_new(double, count), *sums = memory_new(double, share.count);
    int64_t shared = (int64_t)share.count;
    for (size_t i = 0; i < count; i++) values[i] = (double)i + comm_rank(comm);
    comm_sum_share(comm, values, count, sums);
    const int size = comm_size(comm), of_ranks = size * (size - 1) / 2;
    size_t wrong = 0;
    for (size_t i = 0; i < share.count; i++)
      wrong += sums[i] != (double)(share.first + i) * size + of_ranks;
    CHECK(wrong == 0, "of a share of %zu sums, %zu are wrong", share.count, wrong);
    for (size_t i = 0; i < count; i++) {
      const bool own = i >= share.first && i < share.first + share.count;
      values[i] = own ? (double)i : -1.0;
    }
    comm_collect_shares(comm, values, count, sizeof *values);
    for (size_t i = 0; i < count; i++) wrong += values[i] != (double)i;
    CHECK(wrong == 0, "of %zu elements, %zu are wrong", count, wrong);
    comm_sum_int64(comm, &shared, 1);
    CHECK(shared == (int64_t)count && share.first % 16 == 0, "shares of %zu elements", count);
    memory_free(&values);
    memory_free(&sums);
  }
}

// Rank r sends q items to rank q, each the pair (r, q), the last rank's first; the receiver takes
// all that come from a rank as one piece.
static void transfer(struct comm *comm) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  const size_t items = (size_t)(size * size);
  int(*send)[2] = memory_allocate(items, sizeof *send);
  int(*receive)[2] = memory_allocate(items, sizeof *receive);
  struct comm_piece *sent = memory_new(struct comm_piece, items);
  struct comm_piece *received = memory_new(struct comm_piece, size);
  size_t leaving = 0;
  for (int q = size - 1; q >= 0; q--)
    for (int k = 0; k < q; k++, leaving++) {
      send[leaving][0] = rank;
      send[leaving][1] = q;
      sent[leaving] = (struct comm_piece){q, send[leaving], sizeof *send};
    }
  for (int r = 0; r < size; r++)
    received[r] = (struct comm_piece){r, receive[r * rank], (size_t)rank * sizeof *receive};
  comm_transfer(comm, sent, leaving, received, (size_t)size);
  int wrong = 0;
  for (int r = 0, at = 0; r < size; r++)
    for (int k = 0; k < rank; k++, at++) wrong += receive[at][0] != r || receive[at][1] != rank;
  CHECK(wrong == 0, "%d items are wrong", wrong);
  memory_free(&send);
  memory_free(&receive);
  memory_free(&sent);
  memory_free(&received);
}

// `bytes` bytes from each rank to the next one, in pieces of odd sizes on one side only.
static void ring(struct comm *comm, size_t bytes) {
  const int rank = comm_rank(comm), size = comm_size(comm);
  uint64_t *leaving = memory_new(uint64_t, bytes / 8), *arriving = memory_new(uint64_t, bytes / 8);
  for (size_t i = 0; i < bytes / 8; i++) leaving[i] = i * 0x9e3779b97f4a7c15U + (uint64_t)rank;
  const int next = (rank + 1) % size, before = (rank + size - 1) % size;
  const size_t first = bytes > 7 ? bytes / 3 : 0;
  const struct comm_piece sent[] = {{next, leaving, first},
                                    {next, (char *)leaving + first, bytes - first}};
  const struct comm_piece received = {before, arriving, bytes};
  comm_transfer(comm, sent, 2, &received, 1);
  size_t wrong = 0;
  for (size_t i = 0; i < bytes / 8; i++)
    wrong += arriving[i] != i * 0x9e3779b97f4a7c15U + (uint64_t)before;
  CHECK(wrong == 0, "of %zu bytes, %zu words are wrong", bytes, wrong);
  memory_free(&leaving);
  memory_free(&arriving);
}

// What is longer than a message arrives in several, by all ways.
static void short_messages(struct comm *comm) {
  comm_limit_messages(comm, 24);
  static const size_t sizes[] = {0, 8, 24, 48, 56, 1000, 24000};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) ring(comm, sizes[k]);
  transfer(comm);
  share_out(comm);
  int64_t values[20];
  for (int i = 0; i < 20; i++) values[i] = comm_rank(comm) == 0 ? i : 0;
  comm_sum_int64(comm, values, 20);
  int wrong = 0;
  for (int i = 0; i < 20; i++) wrong += values[i] != i;
  for (int i = 0; i < 20; i++) values[i] += comm_rank(comm);
  comm_broadcast(comm, values, sizeof values, 0);
  for (int i = 0; i < 20; i++) wrong += values[i] != i;
  CHECK(wrong == 0, "%d numbers are wrong", wrong);
  comm_limit_messages(comm, (size_t)1 << 30);
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
  if (argc > 1) {  // bytes, by hand: too many for every day
    ring(comm, strtoull(argv[1], NULL, 10));
    return mpi_test_summary(&comm);
  }
  reductions(comm);
  broadcast_and_gather(comm);
  share_out(comm);
  transfer(comm);
  short_messages(comm);
  point_to_point(comm);
  shares();
  CHECK(comm_library()[0] != '\0', "the library has a name");
  return mpi_test_summary(&comm);
}
