// Which samples of a range form a set: those of the wanted classes; of these, every k-th; of these,
// a random subset. Each rank examines its part of the range, and whether a sample is selected
// follows from the number of candidates before it on all ranks, so no rank needs the complete list.
// The selected samples are then sent to the ranks that will hold them.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/comm.h"

// A key for rng_permute() that no epoch has (an epoch's number is the key of its order).
static const uint64_t subset_key = UINT64_MAX;

// The rows of a range as a list, owned.
static int64_t *list_range(struct source_range range) {
  int64_t *list = memory_new(int64_t, range.count);
  for (int64_t i = 0; i < range.count; i++) list[i] = range.first + i;
  return list;
}

// ---- classes ----

// Sums over the lower ranks and over all. Collective.
static void count_before(struct comm *comm, int64_t count, int64_t *before, int64_t *total) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  int64_t *counts = memory_new(int64_t, ranks);
  counts[rank] = count;
  comm_sum_int64(comm, counts, (size_t)ranks);
  *before = *total = 0;
  for (int r = 0; r < ranks; r++) {
    if (r < rank) *before += counts[r];
    *total += counts[r];
  }
  memory_free(&counts);
}

// The least label of all ranks above `least`; false if there is none. Collective.
static bool next_label(struct comm *comm, const int64_t *labels, int64_t count, bool any,
                       int64_t least, int64_t *label) {
  int64_t opposite = INT64_MIN;  // the greatest of ~label, which falls as the label rises
  bool found = false;
  for (int64_t i = 0; i < count; i++) {
    if (!any && labels[i] <= least) continue;
    if (!found || ~labels[i] > opposite) opposite = ~labels[i];
    found = true;
  }
  int64_t values[2] = {found, opposite};
  comm_max_int64(comm, values, 2);
  *label = ~values[1];
  return values[0] != 0;
}

// Reports which labels exist instead. Collective.
static bool complain_of_class(struct comm *comm, int64_t missing,
                              const struct dataset_sources *sources, const int64_t *labels,
                              int64_t count, struct error *error) {
  enum { SHOWN = 20 };
  const struct source_range range = sources->range;
  char list[32 * (SHOWN + 1)] = "";
  int64_t label = 0;
  for (int k = 0; k <= SHOWN && next_label(comm, labels, count, k == 0, label, &label); k++) {
    const size_t length = strlen(list);
    if (k == SHOWN)
      snprintf(list + length, sizeof list - length, ", ...");
    else
      snprintf(list + length, sizeof list - length, "%s%lld", k == 0 ? "" : ", ", (long long)label);
  }
  return error_set(error,
                   "%s.classes: no sample from %lld to %lld has the label %lld in %s; the labels "
                   "there are %s",
                   sources->key, (long long)range.first, (long long)(range.first + range.count - 1),
                   (long long)missing, sources->labels.label, list);
}

static bool is_wanted(const struct config_integers *classes, int64_t label, int64_t *found) {
  for (int64_t c = 0; c < classes->count; c++) {
    if (classes->values[c] != label) continue;
    found[c]++;
    return true;
  }
  return false;
}

// Keeps this rank's candidates. False, on all ranks, if the labels cannot be read or one of the
// classes does not occur.
static bool keep_classes(struct comm *comm, struct dataset_sources *sources, struct error *error) {
  const struct config_integers *classes = &sources->options->classes;
  const struct source_range share = source_share(comm, sources->range);
  int64_t *labels = memory_new(int64_t, share.count), found[CONFIG_INTEGERS] = {0};
  sources->candidates = list_range(share);
  const struct source_rows rows = {sources->candidates, share.count};
  source_read(comm, &sources->labels, &rows, ELEMENT_INT64, labels, error);
  int64_t failed = error_is_set(error);
  comm_max_int64(comm, &failed, 1);

  for (int64_t i = 0; i < share.count; i++)
    if (is_wanted(classes, labels[i], found))
      sources->candidates[sources->candidate_count++] = share.first + i;
  comm_sum_int64(comm, found, CONFIG_INTEGERS);
  for (int64_t c = 0; c < classes->count && !failed; c++) {
    if (found[c] > 0) continue;
    complain_of_class(comm, classes->values[c], sources, labels, share.count, error);
    failed = true;
  }
  memory_free(&labels);
  count_before(comm, sources->candidate_count, &sources->before, &sources->total);
  return !failed;
}

// ---- counting ----

static int64_t stride_of(const struct data_options *options) {
  return options->stride > 1 ? options->stride : 1;
}

bool dataset_count(struct comm *comm, struct dataset_sources *sources, struct error *error) {
  const struct data_options *options = sources->options;
  if (options->classes.count > 0) {
    if (!keep_classes(comm, sources, error)) return false;
  } else {
    const struct source_range share = source_share(comm, sources->range);
    sources->candidate_count = share.count;
    sources->before = share.first - sources->range.first;
    sources->total = sources->range.count;
  }
  assert(sources->total > 0);  // a range has samples, and wanted classes occur in it
  const int64_t stride = stride_of(options), left = (sources->total - 1) / stride + 1;
  if (options->subset > left)
    return error_set(error,
                     "%s.subset = %lld: must be in [1, %lld], or 0 for all: first, count, classes "
                     "and stride leave this many samples",
                     sources->key, (long long)options->subset, (long long)left);
  sources->count = options->subset > 0 ? options->subset : left;
  return true;
}

// ---- selecting ----

// The numbers that [first, first + count) of both ranges share.
static int64_t overlap(struct source_range a, struct source_range b) {
  const int64_t first = a.first > b.first ? a.first : b.first;
  const int64_t a_end = a.first + a.count, b_end = b.first + b.count;
  const int64_t end = a_end < b_end ? a_end : b_end;
  return end > first ? end - first : 0;
}

// Redistributes the rows that each rank has found, in the order of the ranks, to equal shares of
// all `total` rows; owned. Collective.
static int64_t *share_out(struct comm *comm, const int64_t *found, int64_t count, int64_t total) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const struct source_range share = source_share(comm, (struct source_range){0, total});
  int64_t *counts = memory_new(int64_t, ranks), *rows = memory_new(int64_t, share.count);
  struct comm_piece *sent = memory_new(struct comm_piece, ranks);
  struct comm_piece *received = memory_new(struct comm_piece, ranks);
  counts[rank] = count;
  comm_sum_int64(comm, counts, (size_t)ranks);
  struct source_range part = {0, 0}, own = {0, count};
  int64_t *place = rows;
  for (int r = 0; r < ranks; part.first += part.count, r++) {
    part.count = counts[r];
    if (r == rank) own.first = part.first;
    const int64_t arriving = overlap(part, share);
    received[r] = (struct comm_piece){r, place, (size_t)arriving * sizeof *rows};
    place += arriving;
  }
  for (int r = 0; r < ranks; r++) {
    const int64_t first = comm_share_first(total, ranks, r);
    const struct source_range wanted = {first, comm_share_first(total, ranks, r + 1) - first};
    const int64_t leaving = overlap(own, wanted);
    sent[r] = (struct comm_piece){r, (void *)found, (size_t)leaving * sizeof *rows};
    found += leaving;
  }
  comm_transfer(comm, sent, (size_t)ranks, received, (size_t)ranks);
  memory_free(&counts);
  memory_free(&sent);
  memory_free(&received);
  return rows;
}

int64_t *dataset_select(struct comm *comm, const struct dataset_sources *sources) {
  const struct data_options *options = sources->options;
  const struct source_range share = source_share(comm, sources->range);
  const int64_t stride = stride_of(options), left = (sources->total - 1) / stride + 1;
  const uint64_t seed = (uint64_t)options->subset_seed;
  if (sources->count == sources->range.count) return list_range(share);

  int64_t *found = memory_new(int64_t, sources->candidate_count / stride + 1), count = 0;
  for (int64_t i = (stride - sources->before % stride) % stride; i < sources->candidate_count;
       i += stride) {
    const int64_t number = (sources->before + i) / stride;
    if (options->subset > 0 && rng_permute(seed, subset_key, left, number) >= options->subset)
      continue;
    found[count++] = sources->candidates != NULL ? sources->candidates[i] : share.first + i;
  }
  int64_t *rows = share_out(comm, found, count, sources->count);
  memory_free(&found);
  return rows;
}
