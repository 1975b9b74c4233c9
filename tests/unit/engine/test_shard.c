// Every sample of a batch reaches the owner of its tile and its latent finds the way home.
#include <string.h>

#include "engine/shard.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/comm.h"
#include "support/mpi_test.h"

enum { ENTRIES = 3, LATENT = 2 };

// Sample i is (i, i, i) with weight sum i + 1; its latent is (i, 0).
static struct dataset *make_data(struct comm *comm, int64_t count, real **latents) {
  struct dataset *data = memory_new(struct dataset, 1);
  data->count = count;
  data->local_first = comm_share_first(count, comm_size(comm), comm_rank(comm));
  data->local_count =
      comm_share_first(count, comm_size(comm), comm_rank(comm) + 1) - data->local_first;
  data->n = ENTRIES;
  data->stride = real_padded(ENTRIES);
  data->y = memory_new(real, (size_t)data->local_count * data->stride);
  data->weight_sum = memory_new(double, data->local_count);
  *latents = memory_new(real, (size_t)data->local_count * real_padded(LATENT));
  for (int64_t i = 0; i < data->local_count; i++) {
    for (size_t j = 0; j < ENTRIES; j++)
      data->y[(size_t)i * data->stride + j] = (real)(data->local_first + i);
    data->weight_sum[i] = (double)(data->local_first + i + 1);
    (*latents)[(size_t)i * real_padded(LATENT)] = (real)(data->local_first + i);
  }
  return data;
}

static int64_t backwards(const void *context, int64_t position) {
  return *(const int64_t *)context - 1 - position;
}

static int64_t shuffled(const void *context, int64_t position) {
  return rng_permute(1, 2, *(const int64_t *)context, position);
}

static void round_trip(struct comm *comm, int64_t count, int64_t size, int64_t tile,
                       shard_order *order) {
  real *latents;
  struct dataset *data = make_data(comm, count, &latents);
  struct shard *shard = shard_gather(comm, data, LATENT, latents, size, tile, order, &count);
  int64_t total = shard->samples.count, wrong = 0;
  comm_sum_int64(comm, &total, 1);
  CHECK(total == size, "%lld of %lld samples arrived", (long long)total, (long long)size);
  for (int64_t i = 0; i < shard->samples.count; i++) {
    const int64_t position = shard->samples.position[i], sample = order(&count, position);
    wrong += shard->samples.y[(size_t)i * data->stride] != (real)sample;
    wrong += shard->samples.weight_sum[i] != (double)(sample + 1);
    wrong += shard->encoding->z[(size_t)i * real_padded(LATENT)] != (real)sample;
    wrong += shard->slot[position - shard->position_first] != i;
    wrong += position / tile < shard->tile_first || position / tile >= shard->tile_end;
    shard->encoding->z[(size_t)i * real_padded(LATENT) + 1] = (real)position;
  }
  CHECK(wrong == 0, "%lld wrong values", (long long)wrong);

  shard_return(shard, latents);
  wrong = 0;
  for (int64_t p = 0; p < size; p++) {
    const int64_t local = order(&count, p) - data->local_first;
    if (local < 0 || local >= data->local_count) continue;
    wrong += latents[(size_t)local * real_padded(LATENT) + 1] != (real)p;
  }
  CHECK(wrong == 0, "%lld latents came home wrong", (long long)wrong);
  shard_destroy(&shard);
  memory_free(&latents);
  dataset_destroy(&data);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  const int64_t counts[] = {1, 2, 5, 60, 101};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
    for (int64_t tile = 1; tile <= 10; tile += 3)
      for (int64_t size = counts[k]; size > 0; size /= 2) {
        round_trip(comm, counts[k], size, tile, backwards);
        round_trip(comm, counts[k], size, tile, shuffled);
      }
  return mpi_test_summary(&comm);
}
