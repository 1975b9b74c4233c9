// Whole groups are held out, as close to the share as they allow, the same ones on any number of
// ranks; the parts reunited equal the whole, to the last byte.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/hold_out.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"

enum { ENTRIES = 3, SAMPLES = 97 };

// The group of sample i, by kind: each sample alone; runs of unequal lengths; interleaved; one.
enum groups { ALONE, RUNS, INTERLEAVED, ONE, KINDS };
static int64_t group_of(enum groups kind, int64_t i) {
  const int64_t groups[] = {i, (int64_t)sqrt((double)i), i % 10, 7};
  return groups[kind];
}

static struct dataset *make_data(struct comm *comm, enum groups kind) {
  struct dataset *data = memory_new(struct dataset, 1);
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  data->count = SAMPLES;
  data->local_first = comm_share_first(SAMPLES, ranks, rank);
  const int64_t local = comm_share_first(SAMPLES, ranks, rank + 1) - data->local_first;
  data->local_count = local;
  data->n = ENTRIES;
  data->stride = real_padded(ENTRIES);
  data->y = memory_new(real, (size_t)local * data->stride);
  data->w = memory_new(real, (size_t)local * data->stride);
  data->weight_sum = memory_new(double, local);
  data->index = memory_new(int64_t, local);
  data->group = memory_new(int64_t, local);
  for (int64_t i = 0; i < local; i++) {
    const int64_t sample = data->local_first + i;
    for (size_t j = 0; j < ENTRIES; j++) {
      data->y[(size_t)i * data->stride + j] = (real)(10 * sample + (int64_t)j);
      data->w[(size_t)i * data->stride + j] = (real)(1 + sample);
    }
    data->weight_sum[i] = ENTRIES * (1.0 + (double)sample);
    data->index[i] = 5 * sample;
    data->group[i] = group_of(kind, sample);
  }
  return data;
}

static int by_number(const void *a, const void *b) {
  const uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
  return (p > q) - (p < q);
}

// What should be held out, found the slow way: samples by rising numbers of their groups, as many
// as come nearest to the share without cutting a group.
static int64_t expect(enum groups kind, double share, uint64_t seed, bool held[SAMPLES]) {
  uint64_t number[SAMPLES], rising[SAMPLES];
  for (int64_t i = 0; i < SAMPLES; i++)
    rising[i] = number[i] = rng_bits(seed, RNG_HOLD_OUT, (uint64_t)group_of(kind, i), 0);
  qsort(rising, SAMPLES, sizeof *rising, by_number);
  int64_t best = 0;
  for (int64_t count = 1; count <= SAMPLES; count++) {
    if (count < SAMPLES && rising[count] == rising[count - 1]) continue;
    const double goal = share * SAMPLES;
    if (fabs((double)count - goal) <= fabs((double)best - goal)) best = count;
  }
  for (int64_t i = 0; i < SAMPLES; i++) held[i] = best > 0 && number[i] <= rising[best - 1];
  return best;
}

// The samples of a part are those that they should be, in their order, with all that is theirs,
// in even shares.
static void check_part(struct comm *comm, const struct dataset *part, const bool held[SAMPLES],
                       bool is_held) {
  int64_t places[SAMPLES], count = 0, wrong = 0;
  for (int64_t i = 0; i < SAMPLES; i++)
    if (held[i] == is_held) places[count++] = i;
  CHECK(part->count == count, "%lld, not %lld", (long long)part->count, (long long)count);
  for (int64_t i = 0; i < part->local_count; i++) {
    const int64_t sample = places[part->local_first + i];
    wrong += part->index[i] != 5 * sample;
    wrong += part->y[(size_t)i * part->stride + 1] != (real)(10 * sample + 1);
    wrong += part->w[(size_t)i * part->stride] != (real)(1 + sample);
    wrong += part->weight_sum[i] != ENTRIES * (1.0 + (double)sample);
  }
  int64_t total = part->local_count;
  comm_sum_int64(comm, &total, 1);
  CHECK(part->local_first == comm_share_first(count, comm_size(comm), comm_rank(comm)), "share");
  CHECK(wrong == 0 && total == count, "%lld wrong, %lld in all", (long long)wrong,
        (long long)total);
}

static void check(struct comm *comm, enum groups kind, double share, uint64_t seed) {
  bool held[SAMPLES];
  const int64_t count = expect(kind, share, seed, held);
  struct dataset *data = make_data(comm, kind), *same = make_data(comm, kind), *part = NULL;
  const int64_t shape[] = {ENTRIES};
  struct view *view = view_plain("u", SAMPLES, 1, shape), *part_view = NULL;
  struct hold_out *hold_out = hold_out_choose(comm, data, share, seed, 0);
  CHECK(hold_out->count == count, "kind %d, share %g: %lld held out, not %lld", kind, share,
        (long long)hold_out->count, (long long)count);
  CHECK(hold_out->least > 0 && (kind != ONE || hold_out->least == SAMPLES), "least %lld",
        (long long)hold_out->least);
  for (int64_t i = 0; i < data->local_count; i++)
    CHECK(hold_out->held[i] == held[data->local_first + i], "sample %lld", (long long)i);
  if (count > 0 && count < SAMPLES) {
    hold_out_split(hold_out, comm, data, &view, &part, &part_view);
    check_part(comm, data, held, false);
    check_part(comm, part, held, true);
    CHECK(view->numbering[0].length == SAMPLES - count && part_view->numbering[0].length == count,
          "views");
    hold_out_join(hold_out, comm, data, &view, &part, &part_view);
    CHECK(part == NULL && part_view == NULL && view->numbering[0].length == SAMPLES, "joined");
  }
  const size_t rows = (size_t)same->local_count, entries = rows * same->stride * sizeof(real);
  CHECK(data->count == SAMPLES && data->local_first == same->local_first &&
            data->local_count == same->local_count && memcmp(data->y, same->y, entries) == 0 &&
            memcmp(data->w, same->w, entries) == 0 &&
            memcmp(data->index, same->index, rows * sizeof *same->index) == 0 &&
            memcmp(data->group, same->group, rows * sizeof *same->group) == 0 &&
            memcmp(data->weight_sum, same->weight_sum, rows * sizeof *same->weight_sum) == 0,
        "together they are the whole");
  hold_out_destroy(&hold_out);
  dataset_destroy(&data);
  dataset_destroy(&same);
  view_destroy(&view);
}

// Shares held out one after the other have no samples in common, and together they are the share
// that is as large.
static void check_folds(struct comm *comm, enum groups kind, int64_t folds, double share) {
  struct dataset *data = make_data(comm, kind);
  bool together[SAMPLES];
  const int64_t all = expect(kind, (double)folds * share, 1, together);
  int64_t count = 0;
  int *held = memory_new(int, data->local_count);
  for (int64_t fold = 0; fold < folds; fold++) {
    struct hold_out *hold_out = hold_out_choose(comm, data, share, 1, fold);
    count += hold_out->count;
    for (int64_t i = 0; i < data->local_count; i++) held[i] += hold_out->held[i];
    hold_out_destroy(&hold_out);
  }
  CHECK(count == all, "kind %d: %lld folds hold out %lld, not %lld", kind, (long long)folds,
        (long long)count, (long long)all);
  for (int64_t i = 0; i < data->local_count; i++)
    CHECK(held[i] == together[data->local_first + i], "kind %d, sample %lld: %d times", kind,
          (long long)i, held[i]);
  memory_free(&held);
  dataset_destroy(&data);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  static const double shares[] = {0.001, 0.1, 0.15, 0.5, 0.85, 0.999};
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++)
      for (uint64_t seed = 1; seed <= 3; seed++) check(comm, (enum groups)kind, shares[s], seed);
  for (int kind = 0; kind < KINDS; kind++) {
    check_folds(comm, (enum groups)kind, 5, 0.2);
    check_folds(comm, (enum groups)kind, 6, 0.15);
    check_folds(comm, (enum groups)kind, 2, 0.1);
  }
  return mpi_test_summary(&comm);
}
