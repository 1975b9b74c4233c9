// The ranks of a run as seen by code that does not know MPI: their communication, as functions
// supplied by the caller (platform/comm.h has those of MPI). NULL stands for a single process, for
// which there is nothing to do.
#ifndef GFE_RANKS_H
#define GFE_RANKS_H

#include <stddef.h>
#include <stdint.h>

// Reductions are element-wise and in place; all functions are collective. A sum of doubles has the
// same bits in any order only if none of its partial sums is rounded.
struct ranks_numbers;

struct ranks {
  void *context;
  int rank, size;  // number of this rank, from 0; how many there are
  void (*sum_int64)(void *context, int64_t *values, size_t count);
  void (*sum_double)(void *context, double *values, size_t count);
  void (*max_int64)(void *context, int64_t *values, size_t count);
  void (*max_double)(void *context, double *values, size_t count);
  void (*combine)(void *context, const struct ranks_numbers *numbers);
  void (*sum_share)(void *context, const double *values, size_t count, double *share);
  void (*broadcast)(void *context, void *data, size_t bytes, int root);
};

// Numbers to be replaced, in one message, by their sums or maxima over the ranks.
struct ranks_numbers {
  int64_t *sums, *maxima;
  size_t sum_count, max_count;  // the same on all ranks; small
};

static inline int ranks_rank(const struct ranks *ranks) { return ranks == NULL ? 0 : ranks->rank; }

static inline int ranks_size(const struct ranks *ranks) { return ranks == NULL ? 1 : ranks->size; }

static inline void ranks_sum_int64(const struct ranks *ranks, int64_t *values, size_t count) {
  if (ranks != NULL) ranks->sum_int64(ranks->context, values, count);
}

static inline void ranks_sum_double(const struct ranks *ranks, double *values, size_t count) {
  if (ranks != NULL) ranks->sum_double(ranks->context, values, count);
}

static inline void ranks_max_int64(const struct ranks *ranks, int64_t *values, size_t count) {
  if (ranks != NULL) ranks->max_int64(ranks->context, values, count);
}

static inline void ranks_max_double(const struct ranks *ranks, double *values, size_t count) {
  if (ranks != NULL) ranks->max_double(ranks->context, values, count);
}

static inline void ranks_combine(const struct ranks *ranks, const struct ranks_numbers *numbers) {
  if (ranks != NULL) ranks->combine(ranks->context, numbers);
}

// Sums of which each rank gets its own share only (comm_share()), `values` being left as they are.
// A process that is alone has no shares.
static inline void ranks_sum_share(const struct ranks *ranks, const double *values, size_t count,
                                   double *share) {
  ranks->sum_share(ranks->context, values, count, share);
}

static inline void ranks_broadcast(const struct ranks *ranks, void *data, size_t bytes, int root) {
  if (ranks != NULL) ranks->broadcast(ranks->context, data, bytes, root);
}

#endif
