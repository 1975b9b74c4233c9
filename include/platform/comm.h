// The ranks of a run: the one module that calls MPI. "Collective" calls must be made by all ranks.
#ifndef GFE_COMM_H
#define GFE_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"
#include "ground/ranks.h"

struct comm;  // owned by the caller of comm_start()

// Starts MPI and registers rank and abort with error and log. Collective.
struct comm *comm_start(int *argc, char ***argv);

// Ends MPI; *comm becomes NULL. Collective.
void comm_finish(struct comm **comm);

int comm_rank(const struct comm *comm);
int comm_size(const struct comm *comm);

// The same for code that does not know MPI (borrowed).
const struct ranks *comm_ranks(const struct comm *comm);

// The address of the MPI_Comm, for libraries that need one (borrowed).
const void *comm_handle(const struct comm *comm);

// The MPI library's own version line (borrowed, static).
const char *comm_library(void);

// Bytes of memory that a rank can count on: its node's, or what control groups allow of that,
// divided by the number of ranks there; no more than its own limit; the minimum over all ranks.
// Collective.
double comm_memory(struct comm *comm);

void comm_barrier(struct comm *comm);

// Copies `bytes` bytes at `data` from rank `root` to all. Collective.
void comm_broadcast(struct comm *comm, void *data, size_t bytes, int root);

// If `error` is set on any rank, rank 0 prints the message of the lowest such rank to stderr, MPI
// is finalised and every rank exits with code 2. Returns only if none is set. Collective.
void comm_settle(struct comm *comm, const struct error *error);

// Element-wise reductions in place. The sum of doubles has the same bits in any order only if none
// of its partial sums is rounded (see reduction.h). Collective.
void comm_sum_int64(struct comm *comm, int64_t *values, size_t count);
void comm_sum_double(struct comm *comm, double *values, size_t count);
void comm_max_int64(struct comm *comm, int64_t *values, size_t count);
void comm_max_double(struct comm *comm, double *values, size_t count);

// The share of a rank in `count` numbers that all ranks have (parameters): whole pieces of 16, as
// evenly as possible.
struct comm_share {
  size_t first, count;
};
struct comm_share comm_share(const struct comm *comm, size_t count);

// The first: share[0 ...] = the sums, over the ranks, of the elements in this rank's share;
// `values` are unchanged. The second completes, in place, an array of `count` elements of `size`
// bytes of which each rank has its share. Collective.
void comm_sum_share(struct comm *comm, const double *values, size_t count, double *share);
void comm_collect_shares(struct comm *comm, void *values, size_t count, size_t size);

// Sums and maxima of a few numbers in one reduction. Collective.
void comm_combine(struct comm *comm, const struct ranks_numbers *numbers);

// Gathers rank r's `count` elements of `values` at all + r * count on rank 0 (NULL elsewhere).
// Collective.
void comm_gather_double(struct comm *comm, const double *values, size_t count, double *all);

// Bytes for or from a rank, which may be this one.
struct comm_piece {
  int rank;
  void *data;  // only read if it is sent
  size_t bytes;
};

// Sends and receives at the same time. All pieces for a rank form one message, in the given order,
// or one per GiB; the receiver knows its length and may divide it into different pieces. Only ranks
// that have something for each other take part.
void comm_transfer(struct comm *comm, const struct comm_piece *sent, size_t sent_count,
                   const struct comm_piece *received, size_t received_count);

// For tests: messages of at most `bytes` bytes instead of a GiB, on all ranks alike.
void comm_limit_messages(struct comm *comm, size_t bytes);

// The division of `count` items in order (samples, tiles, words) among `ranks` ranks, each of which
// has a range, as evenly as possible: where a rank's range begins (that of rank `ranks` would begin
// at `count`), and the rank that has item i.
int64_t comm_share_first(int64_t count, int ranks, int rank);
int comm_share_home(int64_t count, int ranks, int64_t i);

// Point to point: `bytes` bytes to or from another rank; the two calls must pair up.
void comm_send(struct comm *comm, const void *data, size_t bytes, int destination);
void comm_receive(struct comm *comm, void *data, size_t bytes, int source);

#endif
