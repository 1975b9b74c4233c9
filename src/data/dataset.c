#include "data/dataset.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "data/reader.h"
#include "ground/checksum.h"
#include "ground/memory.h"

// ---- reading ----

// Whether a rank's share of samples and weights could be in its node's memory. Collective.
static bool check_memory(struct comm *comm, const struct dataset_sources *sources, const char *key,
                         struct error *error) {
  const double rows = ceil((double)sources->count / comm_size(comm));
  const double row = (double)(real_padded((size_t)source_row(&sources->samples)) * sizeof(real));
  const double bytes = rows * row * (sources->weights.axes > 0 ? 2 : 1);
  double memory = -(double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  comm_max_double(comm, &memory, 1);
  return bytes < -memory ||
         error_set(
             error,
             "%s: %.4g GB per rank (%.0f samples of %zu entries) cannot be held in %.4g GB of "
             "memory: take more ranks, or fewer samples by %s.count",
             key, 1e-9 * bytes, rows, (size_t)source_row(&sources->samples), -1e-9 * memory, key);
}

static struct dataset *create(const struct comm *comm, const struct dataset_sources *sources) {
  const struct dataset_source *samples = &sources->samples;
  const struct dataset_range share = dataset_share(comm, (struct dataset_range){0, sources->count});
  struct dataset *dataset = memory_new(struct dataset, 1);
  dataset->count = sources->count;
  dataset->local_first = share.first;
  dataset->local_count = share.count;
  dataset->n = (size_t)source_row(samples);
  dataset->stride = real_padded(dataset->n);
  dataset->axes = samples->axes - 1;
  memcpy(dataset->shape, samples->shape + 1, (size_t)dataset->axes * sizeof *dataset->shape);
  dataset->weight_sum = memory_new(double, share.count);
  return dataset;
}

// Moves gap-free rows of n to their places in rows of `stride`, from the last one on.
static void spread(real *rows, size_t count, size_t n, size_t stride) {
  for (size_t i = count; i-- > 0;) {
    memmove(rows + i * stride, rows + i * n, n * sizeof *rows);
    memset(rows + i * stride + n, 0, (stride - n) * sizeof *rows);
  }
}

// This rank's rows of an array of the samples' shape, owned.
static real *read_array(struct comm *comm, const struct dataset *dataset,
                        const struct dataset_source *source, const struct dataset_rows *rows,
                        struct error *error) {
  const size_t count = (size_t)dataset->local_count;
  real *values = memory_new(real, count * dataset->stride);
  dataset_read_rows(comm, source, rows, ELEMENT_REAL, values, error);
  spread(values, count, dataset->n, dataset->stride);
  return values;
}

// ---- missing entries and weights ----

static bool has_nan(const struct dataset *dataset) {
  const size_t total = (size_t)dataset->local_count * dataset->stride;
  for (size_t k = 0; k < total; k++)
    if (isnan(dataset->y[k])) return true;
  return false;
}

// Weight 1 for every entry; the padding has none.
static void weigh_all(struct dataset *dataset) {
  const size_t count = (size_t)dataset->local_count;
  dataset->w = memory_new(real, count * dataset->stride);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < dataset->n; j++) dataset->w[i * dataset->stride + j] = 1;
}

// Checks the value and weight of entry j of row i. Entries that do not count become 0.
static bool check_entry(struct dataset *dataset, size_t i, size_t j, int missing,
                        const struct dataset_sources *sources, struct error *error) {
  real *y = dataset->y + i * dataset->stride + j;
  real *w = dataset->w == NULL ? NULL : dataset->w + i * dataset->stride + j;
  const long long index = (long long)dataset->index[i];
  if (w != NULL && !(isfinite(*w) && *w >= 0))
    return error_set(error,
                     "%s: the weight of sample %lld, entry %zu is %g; weights must be finite "
                     "and at least 0",
                     sources->weights.label, index, j, (double)*w);
  if (w != NULL && *w == 0) *y = 0;
  if (isinf(*y))
    return error_set(error, "%s: sample %lld, entry %zu is infinite or too large for " REAL_NAME,
                     sources->samples.label, index, j);
  if (!isnan(*y)) return true;
  if (missing != MISSING_NAN)
    return error_set(error,
                     "%s: sample %lld, entry %zu is NaN; if NaN marks missing entries: "
                     "data.missing: nan",
                     sources->samples.label, index, j);
  *y = 0;
  *w = 0;
  return true;
}

// Checks row i and sums its weights.
static bool check_row(struct dataset *dataset, size_t i, int missing,
                      const struct dataset_sources *sources, struct error *error) {
  for (size_t j = 0; j < dataset->n; j++)
    if (!check_entry(dataset, i, j, missing, sources, error)) return false;
  double sum = dataset->w == NULL ? (double)dataset->n : 0.0;
  if (dataset->w != NULL)
    for (size_t j = 0; j < dataset->n; j++) sum += (double)dataset->w[i * dataset->stride + j];
  dataset->weight_sum[i] = sum;
  return (sum > 0 && isfinite(sum)) ||
         error_set(error, "%s: the weights of sample %lld sum to %g; at least one entry must count",
                   sources->samples.label, (long long)dataset->index[i], sum);
}

// Has weights on every rank if any rank has them or needs them for NaN. Collective.
static void settle_weights(struct comm *comm, struct dataset *dataset, int missing) {
  int64_t needed = dataset->w == NULL && missing == MISSING_NAN && has_nan(dataset);
  comm_max_int64(comm, &needed, 1);
  if (needed) weigh_all(dataset);
}

struct dataset *dataset_read(struct comm *comm, const struct data_options *options, const char *key,
                             int missing, uint64_t seed, struct error *error) {
  struct dataset_sources sources;
  if (!dataset_open(comm, options, key, seed, &sources, error)) return NULL;
  if (!check_memory(comm, &sources, key, error)) {
    dataset_close(&sources);
    return NULL;
  }
  struct dataset *dataset = create(comm, &sources);
  dataset->index = dataset_select(comm, options, &sources);
  const struct dataset_rows rows = {dataset->index, dataset->local_count};
  dataset->y = read_array(comm, dataset, &sources.samples, &rows, error);
  if (sources.weights.axes > 0)
    dataset->w = read_array(comm, dataset, &sources.weights, &rows, error);
  if (sources.labels.axes > 0) {
    dataset->label = memory_new(int64_t, dataset->local_count);
    dataset_read_rows(comm, &sources.labels, &rows, ELEMENT_INT64, dataset->label, error);
  }
  settle_weights(comm, dataset, missing);
  for (size_t i = 0; i < (size_t)dataset->local_count && !error_is_set(error); i++)
    check_row(dataset, i, missing, &sources, error);
  dataset_close(&sources);
  return dataset;
}

void dataset_destroy(struct dataset **dataset) {
  if (*dataset == NULL) return;
  memory_free(&(*dataset)->y);
  memory_free(&(*dataset)->w);
  memory_free(&(*dataset)->index);
  memory_free(&(*dataset)->weight_sum);
  memory_free(&(*dataset)->label);
  memory_free(dataset);
}

// Rows of bytes that fill whole words.
static uint64_t sum_rows(const struct dataset *dataset, const void *rows, size_t bytes) {
  if (rows == NULL) return 0;
  return checksum(rows, (size_t)dataset->local_count * bytes,
                  (uint64_t)dataset->local_first * bytes / 8);
}

uint64_t dataset_checksum(struct comm *comm, const struct dataset *dataset) {
  const size_t row = dataset->stride * sizeof(real);
  uint64_t sums[3] = {sum_rows(dataset, dataset->y, row), sum_rows(dataset, dataset->w, row),
                      sum_rows(dataset, dataset->label, sizeof(int64_t))};
  comm_sum_int64(comm, (int64_t *)sums, 3);
  const uint64_t sum = checksum(sums, sizeof sums, (uint64_t)dataset->count);
  return sum != 0 ? sum : 1;
}
