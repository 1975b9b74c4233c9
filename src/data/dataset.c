#include "data/dataset.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "data/reader.h"
#include "ground/checksum.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

enum { PIECE = 1 << 27 };  // bytes of samples that dataset_survey() holds at a time

// ---- reading ----

// Whether a rank's share of samples and weights could be in its part of the node's memory.
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
             "memory: take more ranks, or fewer samples by %s.count",
             sources->key, 1e-9 * bytes, rows, shape.n, 1e-9 * memory, sources->key);
}

// Of the samples `share` of the set, at the places `index` (then owned by it) of the files.
static struct dataset *create(const struct dataset_sources *sources, struct source_range share,
                              int64_t *index) {
  const struct dataset_shape shape = dataset_describe(sources);
  struct dataset *dataset = memory_new(struct dataset, 1);
  dataset->count = shape.count;
  dataset->local_first = share.first;
  dataset->local_count = share.count;
  dataset->n = shape.n;
  dataset->stride = real_padded(shape.n);
  dataset->axes = shape.axes;
  memcpy(dataset->shape, shape.shape, sizeof dataset->shape);
  dataset->weight_sum = memory_new(double, share.count);
  dataset->index = index;
  dataset->group = memory_new(int64_t, share.count);
  for (int64_t i = 0; i < share.count; i++)
    dataset->group[i] =
        sources->samples.plan != NULL ? view_plan_group(sources->samples.plan, index[i]) : index[i];
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
                        const struct source *source, const struct source_rows *rows,
                        struct error *error) {
  const size_t count = (size_t)dataset->local_count;
  real *values = memory_new(real, count * dataset->stride);
  source_read(comm, source, rows, ELEMENT_REAL, values, error);
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
static bool check_entry(struct dataset *dataset, size_t i, size_t j, enum missing missing,
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
static bool check_row(struct dataset *dataset, size_t i, enum missing missing,
                      const struct dataset_sources *sources, struct error *error) {
  for (size_t j = 0; j < dataset->n; j++)
    if (!check_entry(dataset, i, j, missing, sources, error)) return false;
  double sum = dataset->w == NULL ? (double)dataset->n : 0.0;
  if (dataset->w != NULL)
    for (size_t j = 0; j < dataset->n; j++) sum += (double)dataset->w[i * dataset->stride + j];
  dataset->weight_sum[i] = sum;
  if (sum == 0 && missing == MISSING_NAN && sources->weights.axes == 0)
    return error_set(error,
                     "%s: all entries of sample %lld are NaN, that is missing (data.missing: nan); "
                     "leave the sample out",
                     sources->samples.label, (long long)dataset->index[i]);
  return (sum > 0 && isfinite(sum)) ||
         error_set(error, "%s: the weights of sample %lld sum to %g; at least one entry must count",
                   sources->samples.label, (long long)dataset->index[i], sum);
}

// Has weights on every rank if any rank has them or needs them for NaN. Collective.
static void settle_weights(struct comm *comm, struct dataset *dataset, enum missing missing) {
  int64_t needed = dataset->w == NULL && missing == MISSING_NAN && has_nan(dataset);
  comm_max_int64(comm, &needed, 1);
  if (needed) weigh_all(dataset);
}

// As create(), then read and checked. Collective.
static struct dataset *read_samples(struct comm *comm, const struct dataset_sources *sources,
                                    struct source_range share, int64_t *index, enum missing missing,
                                    struct error *error) {
  struct dataset *dataset = create(sources, share, index);
  const struct source_rows rows = {dataset->index, dataset->local_count};
  dataset->y = read_array(comm, dataset, &sources->samples, &rows, error);
  if (sources->weights.axes > 0)
    dataset->w = read_array(comm, dataset, &sources->weights, &rows, error);
  if (sources->labels.axes > 0) {
    const bool integer = sources->labels.integer;
    if (integer) dataset->label = memory_new(int64_t, dataset->local_count);
    if (!integer) dataset->real_label = memory_new(double, dataset->local_count);
    source_read(comm, &sources->labels, &rows, integer ? ELEMENT_INT64 : ELEMENT_DOUBLE,
                integer ? (void *)dataset->label : dataset->real_label, error);
  }
  settle_weights(comm, dataset, missing);
  for (size_t i = 0; i < (size_t)dataset->local_count && !error_is_set(error); i++)
    check_row(dataset, i, missing, sources, error);
  return dataset;
}

static struct source_range share_of(const struct comm *comm,
                                    const struct dataset_sources *sources) {
  return source_share(comm, (struct source_range){0, dataset_describe(sources).count});
}

struct dataset *dataset_read(struct comm *comm, const struct dataset_sources *sources,
                             enum missing missing, struct error *error) {
  if (!check_memory(comm, sources, error)) return NULL;
  return read_samples(comm, sources, share_of(comm, sources), dataset_select(comm, sources),
                      missing, error);
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

// ---- finding the scaling ----

static bool counts(const struct dataset *dataset, size_t entry) {
  return dataset->w == NULL || dataset->w[entry] > 0;
}

struct range {
  double min, max;
};

static struct range find_range(struct comm *comm, const struct dataset *dataset) {
  double extremes[2] = {-INFINITY, -INFINITY};  // of -raw and of raw
  for (size_t i = 0; i < (size_t)dataset->local_count; i++) {
    for (size_t k = i * dataset->stride; k < i * dataset->stride + dataset->n; k++) {
      if (!counts(dataset, k)) continue;
      extremes[0] = fmax(extremes[0], -(double)dataset->y[k]);
      extremes[1] = fmax(extremes[1], (double)dataset->y[k]);
    }
  }
  comm_max_double(comm, extremes, 2);
  return (struct range){.min = -extremes[0], .max = extremes[1]};
}

static bool is_constant(struct range range) { return range.min == range.max; }

static void set_range(struct comm *comm, const struct dataset *dataset, struct scaling *scaling) {
  const struct range range = find_range(comm, dataset);
  scaling->offset[0] = range.min;
  if (!is_constant(range)) scaling->scale[0] = range.max - range.min;
}

// The sum of (raw - mean)^power over all entries that count. Each sample is summed in the order of
// its entries, and the samples exactly: the bits do not depend on the ranks. Collective.
static double sum_of_powers(struct comm *comm, const struct dataset *dataset, double mean,
                            int power) {
  const size_t count = (size_t)dataset->local_count;
  double *sums = memory_new(double, count);
  for (size_t i = 0; i < count; i++) {
    for (size_t k = i * dataset->stride; k < i * dataset->stride + dataset->n; k++) {
      const double difference = (double)dataset->y[k] - mean;
      if (counts(dataset, k)) sums[i] += power == 2 ? difference * difference : difference;
    }
  }
  const double sum = reduction_sum(comm_ranks(comm), sums, count);
  memory_free(&sums);
  return sum;
}

static int64_t count_entries(struct comm *comm, const struct dataset *dataset) {
  int64_t entries = 0;
  for (size_t i = 0; i < (size_t)dataset->local_count; i++)
    for (size_t k = i * dataset->stride; k < i * dataset->stride + dataset->n; k++)
      entries += counts(dataset, k);
  comm_sum_int64(comm, &entries, 1);
  return entries;
}

static void set_standard(struct comm *comm, const struct dataset *dataset,
                         struct scaling *scaling) {
  const struct range range = find_range(comm, dataset);
  scaling->offset[0] = range.min;
  if (is_constant(range)) return;
  const double entries = (double)count_entries(comm, dataset);
  const double mean = sum_of_powers(comm, dataset, 0.0, 1) / entries;
  const double variance = sum_of_powers(comm, dataset, mean, 2) / entries;
  scaling->offset[0] = mean;
  scaling->scale[0] = sqrt(variance);
}

struct scaling *dataset_scaling(struct comm *comm, enum scale_kind kind, double value, size_t n,
                                const struct dataset *train) {
  assert(train != NULL || kind == SCALE_NONE || kind == SCALE_NUMBER);
  struct scaling *scaling = scaling_create(n, 1);
  if (kind == SCALE_NUMBER) scaling->scale[0] = value;
  if (kind == SCALE_MINMAX) set_range(comm, train, scaling);
  if (kind == SCALE_STANDARDISE) set_standard(comm, train, scaling);
  return scaling;
}

// ---- applying it ----

static bool check_scaled(const struct dataset *dataset, size_t i, size_t k, enum loss_kind loss,
                         const char *key, struct error *error) {
  const double y = (double)dataset->y[k];
  const long long index = (long long)dataset->index[i];
  const size_t entry = k - i * dataset->stride;
  if (!isfinite(y))
    return error_set(error,
                     "%s: sample %lld, entry %zu is not a finite " REAL_NAME
                     " after scaling "
                     "(data.scale)",
                     key, index, entry);
  if (!loss_ops(loss)->unit_interval || (y >= 0 && y <= 1)) return true;
  int other = 0;  // a loss that takes any data
  while (loss_ops(other)->unit_interval) other++;
  return error_set(error,
                   "%s: sample %lld, entry %zu is %.9g after scaling; decoder.loss: %s wants "
                   "values in [0, 1]: give data.scale, or take %s",
                   key, index, entry, y, loss_name(loss), loss_name(other));
}

void dataset_scale(struct dataset *dataset, const struct scaling *scaling, enum loss_kind loss,
                   const char *key, struct error *error) {
  if (!scaling_is_sound(scaling)) {
    error_set(error, "%s: offset %g and scale %g cannot be applied to data (data.scale)", key,
              scaling->offset[0], scaling->scale[0]);
    return;
  }
  for (size_t i = 0; i < (size_t)dataset->local_count; i++) {
    for (size_t k = i * dataset->stride; k < i * dataset->stride + dataset->n; k++) {
      if (!counts(dataset, k)) continue;
      dataset->y[k] = (real)scaling_apply(scaling, k - i * dataset->stride, (double)dataset->y[k]);
      if (!check_scaled(dataset, i, k, loss, key, error)) return;
    }
  }
}

// ---- looking through a set ----

// Adds what a piece of a set has.
static void add_to_survey(struct dataset_survey *survey, const struct dataset *piece) {
  for (size_t i = 0; i < (size_t)piece->local_count; i++) {
    for (size_t k = i * piece->stride; k < i * piece->stride + piece->n; k++) {
      if (!counts(piece, k)) {
        survey->missing++;
        continue;
      }
      const double y = (double)piece->y[k];
      survey->entries++;
      survey->min = fmin(survey->min, y);
      survey->max = fmax(survey->max, y);
      survey->mean += y;
      survey->deviation += y * y;
    }
  }
}

// From this rank's sums to what is true of all. Collective.
static void finish_survey(struct comm *comm, struct dataset_survey *survey) {
  int64_t counted[] = {survey->entries, survey->missing};
  double extremes[] = {-survey->min, survey->max}, sums[] = {survey->mean, survey->deviation};
  comm_sum_int64(comm, counted, 2);
  comm_max_double(comm, extremes, 2);
  comm_sum_double(comm, sums, 2);
  const double entries = (double)counted[0], mean = sums[0] / entries;
  *survey = (struct dataset_survey){
      .entries = counted[0],
      .missing = counted[1],
      .min = -extremes[0],
      .max = extremes[1],
      .mean = mean,
      .deviation = sqrt(fmax(sums[1] / entries - mean * mean, 0.0)),
  };
}

struct dataset_survey dataset_survey(struct comm *comm, const struct dataset_sources *sources,
                                     enum missing missing, const struct scaling *scaling,
                                     enum loss_kind loss, struct error *error) {
  struct dataset_survey survey = {.min = INFINITY, .max = -INFINITY};
  const struct source_range share = share_of(comm, sources);
  const size_t row = real_padded(dataset_describe(sources).n) * sizeof(real);
  const int64_t most = row < PIECE ? (int64_t)(PIECE / row) : 1;
  int64_t *index = dataset_select(comm, sources), pieces = (share.count + most - 1) / most;
  comm_max_int64(comm, &pieces, 1);
  int64_t failed = 0;
  for (int64_t p = 0; p < pieces && !failed; p++) {
    const int64_t done = p * most < share.count ? p * most : share.count;
    const int64_t left = share.count - done, count = left < most ? left : most;
    int64_t *part = memory_new(int64_t, count);
    memcpy(part, index + done, (size_t)count * sizeof *part);
    struct dataset *piece = read_samples(
        comm, sources, (struct source_range){share.first + done, count}, part, missing, error);
    add_to_survey(&survey, piece);
    if (scaling != NULL && !error_is_set(error))
      dataset_scale(piece, scaling, loss, sources->key, error);
    dataset_destroy(&piece);
    failed = error_is_set(error);
    comm_max_int64(comm, &failed, 1);
  }
  memory_free(&index);
  if (!failed) finish_survey(comm, &survey);
  return survey;
}
