#include "engine/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/text.h"
#include "numerics/exact_sum.h"
#include "numerics/quantile.h"
#include "numerics/reduction.h"

enum { LANES = 8 };  // sums of a sample that grow side by side, so that a vector can hold them

static const struct {
  const char *name, *text;
} numbers[] = {
    [ERRORS_RELATIVE] = {"relative_l2", "||x - y|| / ||y|| over all entries of all samples"},
    [ERRORS_MEAN] = {"relative_l2_mean", "mean of the samples' relative L2 errors"},
    [ERRORS_MEDIAN] = {"relative_l2_median", "median of the samples' relative L2 errors"},
    [ERRORS_P95] = {"relative_l2_p95", "95th percentile of the samples' relative L2 errors"},
    [ERRORS_WORST] = {"relative_l2_worst", "the largest of the samples' relative L2 errors"},
    [ERRORS_CENTRED] = {"relative_l2_centred",
                        "||x - y|| / ||y - mean sample|| over all entries of all samples"},
    [ERRORS_MAX] = {"max_error", "the largest |x - y| of an entry, in the data's units"}};

static const char *const prefixes[] = {
    [ERRORS_BY_FLOW] = "", [ERRORS_BY_ENCODER] = "encoder_", [ERRORS_BY_POD] = "pod_"};

const char *errors_name(enum errors_number number) { return numbers[number].name; }
const char *errors_text(enum errors_number number) { return numbers[number].text; }
const char *errors_prefix(enum errors_source source) { return prefixes[source]; }

// ---- the mean sample ----

// The sum over the set's samples, whose entries that do not count are 0.
static void sum_samples(struct comm *comm, const struct dataset *data, real *sum) {
  struct reduction *reduction = reduction_create(1, &data->stride);
  do {
    reduction_begin(reduction, data->count);
    reduction_add(reduction, (size_t)data->local_count, data->y);
  } while (!reduction_finish(reduction, comm_ranks(comm), NULL, 1.0 / (double)data->count, sum));
  reduction_destroy(&reduction);
}

real *errors_mean_sample(const struct run *run, enum set set) {
  const struct dataset *train = run->sets[SET_TRAIN];
  const struct dataset *data = train != NULL ? train : run->sets[set];
  real *mean = memory_new(real, data->stride);
  sum_samples(run->comm, data, mean);
  if (data->w == NULL) return mean;
  int64_t *seen = memory_new(int64_t, data->n);
  for (size_t i = 0; i < (size_t)data->local_count; i++)
    for (size_t j = 0; j < data->n; j++) seen[j] += data->w[i * data->stride + j] > 0;
  comm_sum_int64(run->comm, seen, data->n);
  for (size_t j = 0; j < data->n; j++)
    if (seen[j] > 0) mean[j] = (real)((double)mean[j] * ((double)data->count / (double)seen[j]));
  memory_free(&seen);
  return mean;
}

// ---- a channel of a sample ----

// Some entries of a sample, scaled, and how to convert each to the data's units.
struct entries {
  size_t count;
  const real *x, *y, *w;  // w may be NULL
  const real *mean;
  const double *scale, *offset;
};

// Sums of squares over entries: of x - y, of y, of y - mean; and the largest |x - y|.
struct sums {
  double error, norm, spread, largest;
};

struct lanes {
  double error[LANES], norm[LANES], spread[LANES], largest[LANES];
};

static inline void add_entry(struct lanes *lanes, size_t lane, const struct entries *e, size_t j) {
  const bool counts = e->w == NULL || e->w[j] > 0;
  const double scaled = (double)e->y[j], scale = e->scale[j];
  const double error = counts ? ((double)e->x[j] - scaled) * scale : 0.0;
  const double value = counts ? errors_unscaled(scaled, scale, e->offset[j]) : 0.0;
  const double spread = counts ? (scaled - (double)e->mean[j]) * scale : 0.0;
  lanes->error[lane] += error * error;
  lanes->norm[lane] += value * value;
  lanes->spread[lane] += spread * spread;
  lanes->largest[lane] = fabs(error) > lanes->largest[lane] ? fabs(error) : lanes->largest[lane];
}

static struct sums sum_entries(const struct entries *e) {
  struct lanes lanes = {.error = {0.0}};
  size_t j = 0;
  for (; j + LANES <= e->count; j += LANES)
    for (size_t lane = 0; lane < LANES; lane++) add_entry(&lanes, lane, e, j + lane);
  for (size_t lane = 0; j < e->count; j++, lane++) add_entry(&lanes, lane, e, j);
  struct sums sums = {.error = 0.0};
  for (size_t lane = 0; lane < LANES; lane++) {
    sums.error += lanes.error[lane];
    sums.norm += lanes.norm[lane];
    sums.spread += lanes.spread[lane];
    sums.largest = fmax(sums.largest, lanes.largest[lane]);
  }
  if (!isfinite(sums.error)) sums.largest = INFINITY;
  return sums;
}

// ---- a set ----

// Sums over samples, of a channel or of all of them.
struct totals {
  struct exact_sum error, norm, spread;
};

struct measure {
  const struct run *run;
  const struct dataset *data;
  const real *mean;
  double *scale, *offset;  // [n]
  struct totals *totals;   // [channels + 1], the last one of all channels
  struct errors *errors;
};

static double ratio(double numerator, double denominator) {
  return denominator > 0.0 ? sqrt(numerator / denominator) : (double)NAN;
}

static void add_to_totals(struct totals *totals, const struct sums *sums) {
  exact_sum_add(&totals->error, sums->error);
  exact_sum_add(&totals->norm, sums->norm);
  exact_sum_add(&totals->spread, sums->spread);
}

static void add_sample(struct measure *m, int64_t i, const real *x) {
  const struct dataset *data = m->data;
  struct errors *errors = m->errors;
  const size_t at = (size_t)i * data->stride, n = data->n / (size_t)errors->channels;
  struct sums all = {.error = 0.0};
  for (int64_t c = 0; c < errors->channels; c++) {
    const size_t j = (size_t)c * n;
    const struct entries entries = {.count = n,
                                    .x = x + j,
                                    .y = data->y + at + j,
                                    .w = data->w != NULL ? data->w + at + j : NULL,
                                    .mean = m->mean + j,
                                    .scale = m->scale + j,
                                    .offset = m->offset + j};
    const struct sums sums = sum_entries(&entries);
    add_to_totals(&m->totals[c], &sums);
    errors->channel_max[c] = fmax(errors->channel_max[c], sums.largest);
    all.error += sums.error;
    all.norm += sums.norm;
    all.spread += sums.spread;
    all.largest = fmax(all.largest, sums.largest);
  }
  add_to_totals(&m->totals[errors->channels], &all);
  const bool finite = isfinite(all.error);
  errors->sample_relative[i] = !finite && all.norm > 0.0 ? INFINITY : ratio(all.error, all.norm);
  errors->sample_max[i] = all.largest;
}

static void add_samples(struct measure *m, errors_reconstruct *reconstruct, const void *context) {
  const struct dataset *data = m->data;
  const size_t row = data->stride * sizeof(real);
  const int64_t most = row < ERRORS_BLOCK ? (int64_t)(ERRORS_BLOCK / row) : 1;
  const int64_t room = most < data->local_count ? most : data->local_count;
  real *x = memory_new(real, (size_t)room * data->stride);
  for (int64_t first = 0; first < data->local_count; first += room) {
    const int64_t left = data->local_count - first, count = left < room ? left : room;
    reconstruct(context, first, count, x);
    for (int64_t i = 0; i < count; i++) add_sample(m, first + i, x + (size_t)i * data->stride);
  }
  memory_free(&x);
}

// Between the ranks.
static void finish_totals(struct measure *m) {
  struct comm *comm = m->run->comm;
  struct errors *errors = m->errors;
  const size_t channels = (size_t)errors->channels;
  comm_sum_int64(comm, (int64_t *)m->totals, (channels + 1) * sizeof *m->totals / sizeof(int64_t));
  comm_max_double(comm, errors->channel_max, channels);
  for (size_t c = 0; c < channels; c++)
    errors->channel_relative[c] =
        ratio(exact_sum_value(&m->totals[c].error), exact_sum_value(&m->totals[c].norm));
  const struct totals *all = &m->totals[channels];
  const double error = exact_sum_value(&all->error);
  errors->number[ERRORS_RELATIVE] = ratio(error, exact_sum_value(&all->norm));
  errors->number[ERRORS_CENTRED] = ratio(error, exact_sum_value(&all->spread));
  for (size_t c = 0; c < channels; c++)
    errors->number[ERRORS_MAX] = fmax(errors->number[ERRORS_MAX], errors->channel_max[c]);
}

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Over the samples whose relative error is defined.
static void find_statistics(struct measure *m) {
  const struct ranks *ranks = comm_ranks(m->run->comm);
  const double *relative = m->errors->sample_relative;
  double *number = m->errors->number;
  double *sorted = memory_new(double, m->data->local_count);
  size_t count = 0;
  for (int64_t i = 0; i < m->data->local_count; i++)
    if (!isnan(relative[i])) sorted[count++] = relative[i];
  int64_t total = (int64_t)count;
  ranks_sum_int64(ranks, &total, 1);
  const double mean = reduction_sum(ranks, sorted, count) / (double)total;
  qsort(sorted, count, sizeof *sorted, rising);
  number[ERRORS_MEAN] = mean;
  number[ERRORS_MEDIAN] = isnan(mean) ? mean : quantile(ranks, sorted, count, 0.5);
  number[ERRORS_P95] = isnan(mean) ? mean : quantile(ranks, sorted, count, 0.95);
  number[ERRORS_WORST] = isnan(mean) ? mean : quantile(ranks, sorted, count, 1.0);
  memory_free(&sorted);
}

struct errors *errors_measure(const struct run *run, enum set set, const real *mean,
                              errors_reconstruct *reconstruct, const void *context) {
  const struct dataset *data = run->sets[set];
  struct errors *errors = memory_new(struct errors, 1);
  errors->channels = run->views[set]->channels;
  errors->channel_relative = memory_new(double, errors->channels);
  errors->channel_max = memory_new(double, errors->channels);
  errors->sample_relative = memory_new(double, data->local_count);
  errors->sample_max = memory_new(double, data->local_count);
  struct measure measure = {.run = run,
                            .data = data,
                            .mean = mean,
                            .scale = memory_new(double, data->n),
                            .offset = memory_new(double, data->n),
                            .totals = memory_new(struct totals, errors->channels + 1),
                            .errors = errors};
  for (size_t j = 0; j < data->n; j++) {
    const size_t k = scaling_place(run->scaling, j);
    measure.scale[j] = run->scaling->scale[k];
    measure.offset[j] = run->scaling->offset[k];
  }
  add_samples(&measure, reconstruct, context);
  finish_totals(&measure);
  find_statistics(&measure);
  memory_free(&measure.scale);
  memory_free(&measure.offset);
  memory_free(&measure.totals);
  return errors;
}

void errors_destroy(struct errors **errors) {
  if (*errors == NULL) return;
  memory_free(&(*errors)->channel_relative);
  memory_free(&(*errors)->channel_max);
  memory_free(&(*errors)->sample_relative);
  memory_free(&(*errors)->sample_max);
  memory_free(errors);
}
