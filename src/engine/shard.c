#include "engine/shard.h"

#include <assert.h>
#include <string.h>

#include "ground/memory.h"
#include "platform/comm.h"

// The position where rank r's tiles begin.
static int64_t position_of_rank(const struct shard *s, int rank) {
  const int64_t position = comm_share_first(s->tile_count, comm_size(s->comm), rank) * s->tile;
  return position < s->size ? position : s->size;
}

static int owner(const struct shard *s, int64_t position) {
  return comm_share_home(s->tile_count, comm_size(s->comm), position / s->tile);
}

// Who sends what to whom: every rank works it out by itself from the order. Positions are walked
// upwards, so both sides see the items of a pair of ranks in the same order.
static void plan(struct shard *s, shard_order *order, const void *context) {
  const int ranks = comm_size(s->comm), rank = comm_rank(s->comm);
  s->send_counts = memory_new(int, ranks);
  s->receive_counts = memory_new(int, ranks);
  int *home = memory_new(int, s->size);
  int64_t *sample = memory_new(int64_t, s->size);
  for (int64_t p = 0; p < s->size; p++) {
    sample[p] = order(context, p);
    assert(sample[p] >= 0 && sample[p] < s->data->count);
    home[p] = comm_share_home(s->data->count, ranks, sample[p]);
    if (home[p] == rank) s->send_counts[owner(s, p)]++;
    if (owner(s, p) == rank) s->receive_counts[home[p]]++;
  }

  const int64_t count = position_of_rank(s, rank + 1) - s->position_first;
  int64_t *next = memory_new(int64_t, ranks), *position = memory_new(int64_t, count);
  for (int r = 1; r < ranks; r++) next[r] = next[r - 1] + s->receive_counts[r - 1];
  s->slot = memory_new(int64_t, count);
  s->leaving = memory_new(int64_t, s->size);
  for (int64_t p = 0; p < s->size; p++) {  // owners rise with p, so this is the order of sending
    if (home[p] == rank) s->leaving[s->leaving_count++] = sample[p] - s->data->local_first;
    if (owner(s, p) != rank) continue;
    const int64_t place = next[home[p]]++;
    s->slot[p - s->position_first] = place;
    position[place] = p;
  }
  assert(next[ranks - 1] == count);  // every place is taken
  s->samples.count = count;
  s->samples.position = position;
  s->samples.total = s->size;
  memory_free(&home);
  memory_free(&sample);
  memory_free(&next);
}

// Rows of `bytes` bytes from the local array `from`, exchanged; an owned array.
static void *exchange(const struct shard *s, const void *from, size_t bytes) {
  char *packed = memory_new(char, (size_t)s->leaving_count *bytes);
  char *arrived = memory_new(char, (size_t)s->samples.count *bytes);
  for (int64_t i = 0; i < s->leaving_count; i++)
    memcpy(packed + (size_t)i * bytes, (const char *)from + (size_t)s->leaving[i] * bytes, bytes);
  comm_exchange(s->comm, bytes, packed, s->send_counts, arrived, s->receive_counts);
  memory_free(&packed);
  return arrived;
}

struct shard *shard_gather(struct comm *comm, const struct dataset *data, size_t d,
                           const real *latents, int64_t size, int64_t tile, shard_order *order,
                           const void *context) {
  assert(size > 0 && size <= data->count && tile > 0);
  struct shard *s = memory_new(struct shard, 1);
  s->comm = comm;
  s->data = data;
  s->d = d;
  s->size = size;
  s->tile = tile;
  s->tile_count = (size + tile - 1) / tile;
  s->tile_first = comm_share_first(s->tile_count, comm_size(comm), comm_rank(comm));
  s->tile_end = comm_share_first(s->tile_count, comm_size(comm), comm_rank(comm) + 1);
  s->position_first = position_of_rank(s, comm_rank(comm));
  plan(s, order, context);

  s->samples.y = exchange(s, data->y, data->stride * sizeof(real));
  if (data->w != NULL) s->samples.w = exchange(s, data->w, data->stride * sizeof(real));
  s->samples.weight_sum = exchange(s, data->weight_sum, sizeof(double));
  s->encoding = encoding_create(s->samples.count, d);
  real *z = exchange(s, latents, real_padded(d) * sizeof(real));
  memcpy(s->encoding->z, z, (size_t)s->samples.count * real_padded(d) * sizeof(real));
  memory_free(&z);
  return s;
}

void shard_return(struct shard *s, real *latents) {
  const size_t bytes = real_padded(s->d) * sizeof(real);
  char *arrived = memory_new(char, (size_t)s->leaving_count *bytes);
  comm_exchange(s->comm, bytes, s->encoding->z, s->receive_counts, arrived, s->send_counts);
  for (int64_t i = 0; i < s->leaving_count; i++)
    memcpy((char *)latents + (size_t)s->leaving[i] * bytes, arrived + (size_t)i * bytes, bytes);
  memory_free(&arrived);
}

void shard_destroy(struct shard **shard) {
  struct shard *s = *shard;
  if (s == NULL) return;
  memory_release((void *)s->samples.y);
  memory_release((void *)s->samples.w);
  memory_release((void *)s->samples.weight_sum);
  memory_release((void *)s->samples.position);
  encoding_destroy(&s->encoding);
  memory_free(&s->slot);
  memory_free(&s->send_counts);
  memory_free(&s->receive_counts);
  memory_free(&s->leaving);
  memory_free(shard);
}
