#include <math.h>

#include "data/dataset.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

static bool counts(const struct dataset *dataset, size_t entry) {
  return dataset->w == NULL || dataset->w[entry] > 0;
}

// ---- finding the scaling ----

struct range {
  double least, most;
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
  return (struct range){.least = -extremes[0], .most = extremes[1]};
}

static bool is_constant(struct range range) { return range.least == range.most; }

static struct scaling range_scaling(struct comm *comm, const struct dataset *dataset) {
  const struct range range = find_range(comm, dataset);
  return (struct scaling){.offset = range.least,
                          .scale = is_constant(range) ? 1.0 : range.most - range.least};
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

static struct scaling standard_scaling(struct comm *comm, const struct dataset *dataset) {
  const struct range range = find_range(comm, dataset);
  if (is_constant(range)) return (struct scaling){.offset = range.least, .scale = 1.0};
  const double entries = (double)count_entries(comm, dataset);
  const double mean = sum_of_powers(comm, dataset, 0.0, 1) / entries;
  const double variance = sum_of_powers(comm, dataset, mean, 2) / entries;
  return (struct scaling){.offset = mean, .scale = sqrt(variance)};
}

struct scaling dataset_scaling(struct comm *comm, int kind, double value,
                               const struct dataset *train) {
  switch (kind) {
    case SCALE_NUMBER:
      return (struct scaling){.offset = 0.0, .scale = value};
    case SCALE_MINMAX:
      return range_scaling(comm, train);
    case SCALE_STANDARDISE:
      return standard_scaling(comm, train);
    default:
      return (struct scaling){.offset = 0.0, .scale = 1.0};
  }
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

void dataset_scale(struct dataset *dataset, struct scaling scaling, enum loss_kind loss,
                   const char *key, struct error *error) {
  if (!isfinite(scaling.offset) || !isfinite(scaling.scale) || scaling.scale == 0) {
    error_set(error, "%s: offset %g and scale %g cannot be applied to data (data.scale)", key,
              scaling.offset, scaling.scale);
    return;
  }
  for (size_t i = 0; i < (size_t)dataset->local_count; i++) {
    for (size_t k = i * dataset->stride; k < i * dataset->stride + dataset->n; k++) {
      if (!counts(dataset, k)) continue;
      dataset->y[k] = (real)(((double)dataset->y[k] - scaling.offset) / scaling.scale);
      if (!check_scaled(dataset, i, k, loss, key, error)) return;
    }
  }
}
