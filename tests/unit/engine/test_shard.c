// Every sample of a batch reaches the rank of its flow and the owner of its tile; its latent goes
// from the first to the second, and back to its home rank.
#include <string.h>

#include "engine/shard.h"
#include "ground/memory.h"
#include "platform/comm.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { ENTRIES = 3, LATENT = 2 };

// Sample i is (i, i, i) with weights (0, -i, 0) and weight sum i + 1; its latent is (i, 0).
static struct dataset *make_data(struct comm *comm, int64_t count, real **latents) {
  struct dataset *data = shared_data(comm, count, ENTRIES);
  data->w = memory_new(real, (size_t)data->local_count * data->stride);
  *latents = memory_new(real, (size_t)data->local_count * real_padded(LATENT));
  for (int64_t i = 0; i < data->local_count; i++) {
    for (size_t j = 0; j < ENTRIES; j++)
      data->y[(size_t)i * data->stride + j] = (real)(data->local_first + i);
    data->w[(size_t)i * data->stride + 1] = (real) - (data->local_first + i);
    data->weight_sum[i] = (double)(data->local_first + i + 1);
    (*latents)[(size_t)i * real_padded(LATENT)] = (real)(data->local_first + i);
  }
  return data;
}

// What a test asks for.
struct wanted {
  int64_t count;  // samples in the set
  struct shard_batch batch;
  bool shuffled;
};

static struct sample_order *make_order(const struct dataset *data, const struct wanted *wanted) {
  return wanted->shuffled ? sample_order_shuffled(data, 1, 2) : sample_order_in_file(data);
}

static real *latent(real *latents, int64_t i) { return latents + (size_t)i * real_padded(LATENT); }

// What has come to hold sample i of a shard is `sample`.
static bool holds(const struct shard *shard, int64_t i, int64_t sample) {
  const size_t at = (size_t)i * real_padded(ENTRIES);
  return shard->samples.y[at] == (real)sample && shard->samples.w[at + 1] == (real)-sample &&
         shard->samples.weight_sum[i] == (double)(sample + 1);
}

// The flows: each sample has one; a latent becomes (sample, position), after so many evaluations.
static void check_flows(struct comm *comm, const struct shard *shard,
                        const struct sample_order *order) {
  const int64_t first = shard->first, count = shard->samples.count;
  int64_t *seen = memory_new(int64_t, shard->size), wrong = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t position = shard->samples.position[i];
    const int64_t sample = sample_order_at(order, first + position);
    wrong += i > 0 && position <= shard->samples.position[i - 1];
    wrong += !holds(shard, i, sample) || *latent(shard->encoding->z, i) != (real)sample;
    latent(shard->encoding->z, i)[1] = (real)position;
    shard->encoding->evaluations[i] = 7 * position;
    seen[position]++;
  }
  comm_sum_int64(comm, seen, (size_t)shard->size);
  for (int64_t p = 0; p < shard->size; p++) wrong += seen[p] != 1;
  CHECK(wrong == 0, "%lld wrong flows", (long long)wrong);
  memory_free(&seen);
}

static void check_tiles(const struct shard *shard, const struct sample_order *order) {
  int64_t wrong = 0;
  const int64_t end = shard->tile_end * shard->tile;
  for (int64_t p = shard->tile_first * shard->tile; p < end && p < shard->size; p++) {
    const int64_t i = shard_slot(shard, p), sample = sample_order_at(order, shard->first + p);
    wrong += shard->samples.position[i] != p || !holds(shard, i, sample);
    wrong += latent(shard->encoding->z, i)[0] != (real)sample;
    wrong += latent(shard->encoding->z, i)[1] != (real)p;
  }
  CHECK(wrong == 0, "%lld samples of tiles are wrong", (long long)wrong);
}

static void check_home(const struct dataset *data, const struct sample_order *order,
                       const struct shard_batch *batch, real *latents, const int64_t *evaluations) {
  int64_t wrong = 0;
  for (int64_t p = 0; p < batch->size; p++) {
    const int64_t i = sample_order_at(order, batch->first + p) - data->local_first;
    if (i < 0 || i >= data->local_count) continue;
    wrong += latent(latents, i)[1] != (real)p || evaluations[i] != 7 * p;
  }
  CHECK(wrong == 0, "%lld latents came home wrong", (long long)wrong);
}

static void round_trip(struct comm *comm, struct wanted wanted, bool spreads) {
  real *latents;
  struct dataset *data = make_data(comm, wanted.count, &latents);
  struct sample_order *order = make_order(data, &wanted);
  int64_t *evaluations = memory_new(int64_t, data->local_count);
  for (int64_t i = 0; i < data->local_count; i++) evaluations[i] = (data->local_first + i) % 5 * 10;
  if (spreads) wanted.batch.evaluations = evaluations;
  struct shard *shard = shard_gather(comm, order, &wanted.batch, LATENT, latents);
  check_flows(comm, shard, order);
  shard_deliver(shard);
  check_tiles(shard, order);
  shard_return(shard, latents, evaluations);
  check_home(data, order, &wanted.batch, latents, evaluations);
  if (!spreads) {  // flows are where the tiles are
    const int64_t tiles = shard->tile_end - shard->tile_first;
    CHECK(shard->samples.count <= tiles * shard->tile && shard->held == shard->samples.count,
          "%lld flows, %lld held, %lld tiles", (long long)shard->samples.count,
          (long long)shard->held, (long long)tiles);
  }
  shard_destroy(&shard);
  sample_order_destroy(&order);
  memory_free(&evaluations);
  memory_free(&latents);
  dataset_destroy(&data);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  static const int64_t counts[] = {1, 2, 5, 60, 301};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
    for (int64_t tile = 1; tile <= 10; tile += 3)
      for (int64_t size = counts[k]; size > 0; size /= 2)
        for (int which = 0; which < 6; which++)
          round_trip(
              comm,
              (struct wanted){
                  .count = counts[k],
                  .batch = {.first = (counts[k] - size) / 2, size, tile, NULL, which >= 4 ? 2 : 0},
                  .shuffled = which % 2 == 1},
              which >= 2);
  return mpi_test_summary(&comm);
}
