#include "engine/sample_order.h"

#include <assert.h>
#include <stdlib.h>

#include "ground/memory.h"
#include "ground/rng.h"

struct sample_order {
  const struct dataset *data;
  bool shuffled;
  uint64_t seed, key;
  const struct sample_order *from;  // of which some places have been drawn; NULL: of none
  int64_t loaded, count;            // its first places; places of this order
  struct own_sample *own;           // [own_count] in order of place
  int64_t own_count;
};

static struct sample_order *create(struct sample_order order) {
  struct sample_order *created = memory_new(struct sample_order, 1);
  *created = order;
  const int64_t most =
      order.count < order.data->local_count ? order.count : order.data->local_count;
  created->own = memory_new(struct own_sample, most);
  return created;
}

struct sample_order *sample_order_in_file(const struct dataset *data) {
  struct sample_order *order = create((struct sample_order){.data = data, .count = data->count});
  order->own_count = data->local_count;
  for (int64_t i = 0; i < data->local_count; i++)
    order->own[i] = (struct own_sample){.place = data->local_first + i, .local = i};
  return order;
}

static int by_place(const void *a, const void *b) {
  const int64_t p = ((const struct own_sample *)a)->place;
  const int64_t q = ((const struct own_sample *)b)->place;
  return (p > q) - (p < q);
}

struct sample_order *sample_order_shuffled(const struct dataset *data, uint64_t seed,
                                           uint64_t key) {
  struct sample_order *order = create((struct sample_order){
      .data = data, .shuffled = true, .seed = seed, .key = key, .count = data->count});
  order->own_count = data->local_count;
  for (int64_t i = 0; i < data->local_count; i++)
    order->own[i] = (struct own_sample){
        .place = rng_permute_back(seed, key, data->count, data->local_first + i), .local = i};
  qsort(order->own, (size_t)data->local_count, sizeof *order->own, by_place);
  return order;
}

struct sample_order *sample_order_drawn(const struct sample_order *from, int64_t loaded,
                                        int64_t count, uint64_t seed, uint64_t key) {
  assert(from->from == NULL && count <= loaded && loaded <= from->count);
  const struct dataset *data = from->data;
  struct sample_order *order = create((struct sample_order){
      .data = data, .seed = seed, .key = key, .from = from, .loaded = loaded, .count = count});
  for (int64_t place = 0; place < count; place++) {
    const int64_t local = sample_order_at(order, place) - data->local_first;
    if (local >= 0 && local < data->local_count)
      order->own[order->own_count++] = (struct own_sample){.place = place, .local = local};
  }
  return order;
}

void sample_order_destroy(struct sample_order **order) {
  if (*order == NULL) return;
  memory_free(&(*order)->own);
  memory_free(order);
}

const struct dataset *sample_order_data(const struct sample_order *order) { return order->data; }

int64_t sample_order_at(const struct sample_order *order, int64_t place) {
  assert(place >= 0 && place < order->count);
  if (order->from != NULL)
    return sample_order_at(order->from, rng_permute(order->seed, order->key, order->loaded, place));
  return order->shuffled ? rng_permute(order->seed, order->key, order->data->count, place) : place;
}

// How many of this rank's samples come before a place.
static int64_t count_before(const struct sample_order *order, int64_t place) {
  int64_t least = 0, most = order->own_count;
  while (least < most) {
    const int64_t middle = least + (most - least) / 2;
    if (order->own[middle].place < place)
      least = middle + 1;
    else
      most = middle;
  }
  return least;
}

int64_t sample_order_own(const struct sample_order *order, int64_t first, int64_t count,
                         const struct own_sample **own) {
  const int64_t begin = count_before(order, first);
  *own = order->own + begin;
  return count_before(order, first + count) - begin;
}
