// Data sets for tests of code that needs a batch, with the samples distributed over the ranks.
#ifndef GFE_TEST_RANDOM_DATA_H
#define GFE_TEST_RANDOM_DATA_H

#include "data/dataset.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/comm.h"

// `samples` of `entries` zeros, with weight sums of 0. Owned by the caller, as are its arrays y and
// weight_sum. Not collective.
static inline struct dataset *shared_data(const struct comm *comm, int64_t samples,
                                          size_t entries) {
  struct dataset *data = memory_new(struct dataset, 1);
  data->count = samples;
  data->local_first = comm_share_first(samples, comm_size(comm), comm_rank(comm));
  data->local_count =
      comm_share_first(samples, comm_size(comm), comm_rank(comm) + 1) - data->local_first;
  data->n = entries;
  data->stride = real_padded(entries);
  data->y = memory_new(real, (size_t)data->local_count * data->stride);
  data->weight_sum = memory_new(double, data->local_count);
  return data;
}

// The same with random numbers in [0, 1) of a seed, without weights.
static inline struct dataset *random_data(const struct comm *comm, int64_t samples, size_t entries,
                                          uint64_t seed) {
  struct dataset *data = shared_data(comm, samples, entries);
  for (int64_t i = 0; i < data->local_count; i++) {
    data->weight_sum[i] = (double)entries;
    for (size_t j = 0; j < entries; j++)
      data->y[(size_t)i * data->stride + j] =
          (real)rng_uniform(seed, RNG_TEST, (uint64_t)(data->local_first + i), j);
  }
  return data;
}

#endif
