#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "data/reader.h"
#include "ground/checksum.h"
#include "ground/memory.h"

// ---- reading ----

// Whether a rank's share of samples and weights fits into its part of the node's memory.
// Collective.
static bool check_memory(struct comm *comm, const struct dataset_sources *sources,
                         struct error *error) {
  const struct dataset_shape shape = dataset_describe(sources);
  const double rows = ceil((double)shape.count / comm_size(comm));
  const double row = (double)(real_padded(shape.n) * sizeof(real));
  const double bytes = rows * row * (shape.weights ? 2 : 1), memory = comm_memory(comm);
  return bytes < memory ||
         error_set(
             error,
             "%s: %.4g GB per rank (%.0f samples of %zu entries) cannot be held in %.4g GB of "
             "memory: use more ranks, or fewer samples (%s.count)",
             sources->key, 1e-9 * bytes, rows, shape.n, 1e-9 * memory, sources->key);
}

// A data set for this rank's share, without values.
static struct dataset *create(const struct dataset_sources *sources) {
  const struct dataset_shape shape = dataset_describe(sources);
  const struct source_range share = sources->share;
  struct dataset *dataset = memory_new(struct dataset, 1);
  dataset->count = shape.count;
  dataset->local_first = share.first;
  dataset->local_count = share.count;
  dataset->n = shape.n;
  dataset->stride = real_padded(shape.n);
  dataset->axes = shape.axes;
  memcpy(dataset->shape, shape.shape, sizeof dataset->shape);
  dataset->y = memory_new(real, (size_t)share.count * dataset->stride);
  dataset->weight_sum = memory_new(double, share.count);
  dataset->index = memory_new(int64_t, share.count);
  dataset->group = memory_new(int64_t, share.count);
  memcpy(dataset->index, sources->index, (size_t)share.count * sizeof *dataset->index);
  for (int64_t i = 0; i < share.count; i++)
    dataset->group[i] = sources->samples.plan != NULL
                            ? view_plan_group(sources->samples.plan, sources->index[i])
                            : sources->index[i];
  return dataset;
}

// Weight 1 for every entry; the padding has none.
static void weigh_all(struct dataset *dataset) {
  const size_t count = (size_t)dataset->local_count;
  dataset->w = memory_new(real, count * dataset->stride);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < dataset->n; j++) dataset->w[i * dataset->stride + j] = 1;
}

static bool has_nan(const double *y, size_t n) {
  for (size_t j = 0; j < n; j++)
    if (isnan(y[j])) return true;
  return false;
}

// Takes over the piece read last.
static bool take_piece(struct dataset *dataset, const struct dataset_sources *sources,
                       const struct dataset_rules *rules, struct error *error) {
  const struct dataset_piece *piece = sources->piece;
  const size_t n = piece->n, first = (size_t)piece->first;
  for (size_t i = 0; i < (size_t)piece->count; i++) {
    const double *y = piece->y + i * n;
    if (!dataset_scale_row(sources, rules, i, dataset->y + (first + i) * dataset->stride, error))
      return false;
    dataset->weight_sum[first + i] = piece->weight_sum[i];
    if (dataset->w == NULL && has_nan(y, n)) weigh_all(dataset);
    if (dataset->w == NULL) continue;
    real *w = dataset->w + (first + i) * dataset->stride;
    for (size_t j = 0; j < n; j++) w[j] = isnan(y[j]) ? 0 : (real)dataset_weight(sources, i, j);
  }
  dataset->filled += piece->filled;
  return true;
}

// Weights on every rank if any rank has them. Collective.
static void settle_weights(struct comm *comm, struct dataset *dataset) {
  int64_t needed = dataset->w != NULL;
  comm_max_int64(comm, &needed, 1);
  if (needed && dataset->w == NULL) weigh_all(dataset);
}

// Collective.
static void read_labels(struct comm *comm, const struct dataset_sources *sources,
                        struct dataset *dataset, struct error *error) {
  const struct source_rows rows = {dataset->index, dataset->local_count};
  if (sources->labels.axes == 0) return;
  if (sources->labels.integer) {
    dataset->label = memory_new(int64_t, dataset->local_count);
    source_read(comm, &sources->labels, &rows, ELEMENT_INT64, dataset->label, error);
  } else {
    dataset->real_label = memory_new(double, dataset->local_count);
    source_read(comm, &sources->labels, &rows, ELEMENT_DOUBLE, dataset->real_label, error);
  }
}

struct dataset *dataset_read(struct comm *comm, struct dataset_sources *sources,
                             const struct dataset_rules *rules, struct error *error) {
  if (!check_memory(comm, sources, error) || !dataset_check_scaling(sources, rules, error))
    return NULL;
  struct dataset_pass pass;
  dataset_pass_begin(&pass, comm, sources, rules->missing);
  struct dataset *dataset = create(sources);
  if (dataset_describe(sources).weights) weigh_all(dataset);
  while (dataset_pass_next(&pass, error) != NULL) take_piece(dataset, sources, rules, error);
  read_labels(comm, sources, dataset, error);
  settle_weights(comm, dataset);
  comm_sum_int64(comm, &dataset->filled, 1);
  int64_t failed = error_is_set(error);
  comm_max_int64(comm, &failed, 1);
  if (failed) dataset_destroy(&dataset);
  return dataset;
}

void dataset_destroy(struct dataset **dataset) {
  if (*dataset == NULL) return;
  memory_free(&(*dataset)->y);
  memory_free(&(*dataset)->w);
  memory_free(&(*dataset)->index);
  memory_free(&(*dataset)->group);
  memory_free(&(*dataset)->weight_sum);
  memory_free(&(*dataset)->label);
  memory_free(&(*dataset)->real_label);
  memory_free(dataset);
}

// ---- a checksum ----

// Rows of bytes that fill whole words.
static uint64_t sum_rows(const struct dataset *dataset, const void *rows, size_t bytes) {
  if (rows == NULL) return 0;
  return checksum(rows, (size_t)dataset->local_count * bytes,
                  (uint64_t)dataset->local_first * bytes / 8);
}

uint64_t dataset_checksum(struct comm *comm, const struct dataset *dataset) {
  const size_t row = dataset->stride * sizeof(real);
  uint64_t sums[3] = {sum_rows(dataset, dataset->y, row), sum_rows(dataset, dataset->w, row),
                      sum_rows(dataset, dataset->label, sizeof(int64_t)) +
                          sum_rows(dataset, dataset->real_label, sizeof(double))};
  comm_sum_int64(comm, (int64_t *)sums, 3);
  const uint64_t sum = checksum(sums, sizeof sums, (uint64_t)dataset->count);
  return sum != 0 ? sum : 1;
}
