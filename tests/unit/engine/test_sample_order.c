// A rank's list of its own samples agrees with a look-up of every place.
#include "engine/sample_order.h"
#include "ground/memory.h"
#include "support/mpi_test.h"

// Own samples in a stretch, against the whole order.
static void check_stretch(const struct sample_order *order, int64_t first, int64_t count) {
  const struct dataset *data = sample_order_data(order);
  const struct own_sample *own;
  const int64_t found = sample_order_own(order, first, count, &own);
  int64_t expected = 0, wrong = 0;
  for (int64_t place = first; place < first + count; place++) {
    const int64_t local = sample_order_at(order, place) - data->local_first;
    if (local < 0 || local >= data->local_count) continue;
    wrong += expected >= found || own[expected].place != place || own[expected].local != local;
    expected++;
  }
  CHECK(found == expected && wrong == 0, "%lld own samples of %lld, %lld wrong", (long long)found,
        (long long)expected, (long long)wrong);
}

static void check_order(int64_t count, struct sample_order *order) {
  int64_t *seen = memory_new(int64_t, count), wrong = 0;
  for (int64_t place = 0; place < count; place++) seen[sample_order_at(order, place)]++;
  for (int64_t i = 0; i < count; i++) wrong += seen[i] != 1;
  CHECK(wrong == 0, "%lld samples occur never or twice", (long long)wrong);
  for (int64_t size = 1; size <= count; size = 3 * size + 1)
    for (int64_t first = 0; first < count; first += size)
      check_stretch(order, first, first + size < count ? size : count - first);
  memory_free(&seen);
  sample_order_destroy(&order);
}

// Draws are samples that differ, of those loaded; other keys draw others, and in the long run all.
static void check_drawn(const struct sample_order *from, int64_t loaded, int64_t size) {
  const struct dataset *data = sample_order_data(from);
  int64_t *may = memory_new(int64_t, data->count), *seen = memory_new(int64_t, data->count);
  int64_t wrong = 0, missing = 0;
  for (int64_t place = 0; place < loaded; place++) may[sample_order_at(from, place)] = 1;
  for (uint64_t key = 0; key < 400; key++) {
    struct sample_order *drawn = sample_order_drawn(from, loaded, size, 5, key);
    for (int64_t place = 0; place < size; place++) {
      const int64_t sample = sample_order_at(drawn, place);
      for (int64_t other = 0; other < place; other++)
        wrong += sample_order_at(drawn, other) == sample;
      wrong += !may[sample];
      seen[sample]++;
    }
    if (key < 5) check_stretch(drawn, 0, size);
    sample_order_destroy(&drawn);
  }
  for (int64_t i = 0; i < data->count; i++) missing += may[i] && seen[i] == 0;
  CHECK(wrong == 0, "%lld samples drawn twice or before they were loaded", (long long)wrong);
  CHECK(missing == 0, "%lld of %lld samples never drawn", (long long)missing, (long long)loaded);
  memory_free(&may);
  memory_free(&seen);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  static const int64_t counts[] = {1, 2, 17, 100};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
    const int64_t first = comm_share_first(counts[k], comm_size(comm), comm_rank(comm));
    const int64_t end = comm_share_first(counts[k], comm_size(comm), comm_rank(comm) + 1);
    const struct dataset data = {
        .count = counts[k], .local_first = first, .local_count = end - first};
    struct sample_order *order = sample_order_shuffled(&data, 5, 1);
    for (int64_t loaded = 1; loaded <= counts[k]; loaded = 3 * loaded + 1)
      check_drawn(order, loaded, loaded < 7 ? loaded : 7);
    sample_order_destroy(&order);
    check_order(counts[k], sample_order_in_file(&data));
    check_order(counts[k], sample_order_shuffled(&data, 5, 1));
  }
  return mpi_test_summary(&comm);
}
