// Statistics of the entries of a set: counts, extremes, mean and deviation, of all entries, of each
// channel or of each entry. Sums are exact (numerics/exact_sum.h), so that the bits depend neither
// on ranks nor on pieces: first the mean and, in a second pass, the mean square of deviations from
// it.
#include <math.h>

#include "data/dataset_internal.h"
#include "ground/memory.h"
#include "numerics/exact_sum.h"

// Parts of a sample that are measured at once, 544 bytes each; how many of them are summed before
// moving on to the next row, so that whole cache lines are used.
enum { BLOCK = 8 };
static size_t strip_parts = 1 << 16;

void dataset_limit_strips(size_t parts) { strip_parts = parts; }

// Some of the parts of a sample.
struct strip {
  size_t parts, first, count;       // into how many a sample is divided; those of the strip
  struct dataset_moments *moments;  // [count], borrowed
  struct exact_sum *sums;           // [count]
};

// Calls `add` for every row and each part of the strip.
static void walk(const struct dataset_piece *piece, struct strip *strip,
                 void (*add)(struct dataset_moments *moments, struct exact_sum *sum,
                             const double *y, size_t count)) {
  const size_t run = piece->n / strip->parts;
  for (size_t begin = 0; begin < strip->count; begin += BLOCK) {
    const size_t end = begin + BLOCK < strip->count ? begin + BLOCK : strip->count;
    for (size_t i = 0; i < (size_t)piece->count; i++)
      for (size_t k = begin; k < end; k++)
        add(&strip->moments[k], &strip->sums[k], piece->y + i * piece->n + (strip->first + k) * run,
            run);
  }
  for (size_t k = 0; k < strip->count; k++) exact_sum_carry(&strip->sums[k]);
}

static void add_values(struct dataset_moments *moments, struct exact_sum *sum, const double *y,
                       size_t count) {
  for (size_t j = 0; j < count; j++) {
    if (isnan(y[j])) {
      moments->missing++;
      continue;
    }
    moments->entries++;
    if (y[j] < moments->min) moments->min = y[j];
    if (y[j] > moments->max) moments->max = y[j];
    exact_sum_add(sum, y[j]);
  }
}

static void add_squares(struct dataset_moments *moments, struct exact_sum *sum, const double *y,
                        size_t count) {
  for (size_t j = 0; j < count; j++) {
    const double difference = y[j] - moments->mean;
    if (!isnan(y[j])) exact_sum_add(sum, difference * difference);
  }
}

// Sums over the ranks. Collective.
static void combine_sums(struct comm *comm, struct strip *strip) {
  comm_sum_int64(comm, (int64_t *)strip->sums, strip->count * EXACT_NUMBERS);
}

// A sum divided by a count, rounded once except in rare cases: a mean that is off by the last bit
// of the sum would matter where values hardly differ.
static double divide(const struct exact_sum *sum, int64_t count) {
  struct exact_sum rest = *sum;
  const double rounded = exact_sum_value(sum), divisor = (double)count;
  const double quotient = rounded / divisor;
  if (count == 0 || !isfinite(rounded)) return count == 0 ? 0.0 : quotient;
  exact_sum_add(&rest, -rounded);
  return quotient + (fma(-quotient, divisor, rounded) + exact_sum_value(&rest)) / divisor;
}

// Counts and extremes of all ranks, and the mean. Collective.
static void finish_values(struct comm *comm, struct strip *strip) {
  int64_t *counts = memory_new(int64_t, 2 * strip->count);
  double *extremes = memory_new(double, 2 * strip->count);
  for (size_t k = 0; k < strip->count; k++) {
    const struct dataset_moments *moments = &strip->moments[k];
    counts[2 * k] = moments->entries;
    counts[2 * k + 1] = moments->missing;
    extremes[2 * k] = -moments->min;
    extremes[2 * k + 1] = moments->max;
  }
  comm_sum_int64(comm, counts, 2 * strip->count);
  comm_max_double(comm, extremes, 2 * strip->count);
  combine_sums(comm, strip);
  for (size_t k = 0; k < strip->count; k++) {
    strip->moments[k] = (struct dataset_moments){
        .entries = counts[2 * k],
        .missing = counts[2 * k + 1],
        .min = -extremes[2 * k],
        .max = extremes[2 * k + 1],
        .mean = divide(&strip->sums[k], counts[2 * k]),
    };
  }
  memory_free(&counts);
  memory_free(&extremes);
}

static void finish_squares(struct comm *comm, struct strip *strip) {
  combine_sums(comm, strip);
  for (size_t k = 0; k < strip->count; k++) {
    struct dataset_moments *moments = &strip->moments[k];
    if (moments->min < moments->max)
      moments->deviation = sqrt(divide(&strip->sums[k], moments->entries));
  }
}

// Checks the rows of the piece as dataset_read() would.
static void try_rows(const struct dataset_sources *sources, const struct dataset_rules *rules,
                     real *row, struct error *error) {
  for (size_t i = 0; i < (size_t)sources->piece->count; i++)
    if (!dataset_scale_row(sources, rules, i, row, error)) return;
}

// Two passes for a strip. False if one fails. Collective.
static bool measure_strip(struct dataset_pass *pass, struct strip *strip,
                          const struct dataset_rules *rules, real *row, int64_t *filled,
                          struct error *error) {
  struct comm *comm = pass->comm;
  struct dataset_sources *sources = pass->sources;
  const struct dataset_piece *piece;
  for (size_t k = 0; k < strip->count; k++)
    strip->moments[k] = (struct dataset_moments){.min = INFINITY, .max = -INFINITY};
  while ((piece = dataset_pass_next(pass, error)) != NULL) {
    walk(piece, strip, add_values);
    if (strip->first > 0) continue;
    *filled += piece->filled;
    if (rules != NULL) try_rows(sources, rules, row, error);
  }
  int64_t failed = error_is_set(error);
  comm_max_int64(comm, &failed, 1);
  if (failed) return false;
  finish_values(comm, strip);
  for (size_t k = 0; k < strip->count; k++) strip->sums[k] = (struct exact_sum){.nonfinite = 0};
  dataset_pass_begin(pass, comm, sources, pass->missing);
  while ((piece = dataset_pass_next(pass, error)) != NULL) walk(piece, strip, add_squares);
  failed = error_is_set(error);
  comm_max_int64(comm, &failed, 1);
  if (!failed) finish_squares(comm, strip);
  return !failed;
}

bool dataset_measure(struct comm *comm, struct dataset_sources *sources,
                     struct config_missing missing, const struct dataset_rules *rules, size_t parts,
                     struct dataset_moments *moments, int64_t *filled, struct error *error) {
  real *row = memory_new(real, dataset_describe(sources).n);
  bool good = true;
  *filled = 0;
  for (size_t first = 0; good && first < parts; first += strip_parts) {
    struct strip strip = {.parts = parts,
                          .first = first,
                          .count = parts - first < strip_parts ? parts - first : strip_parts,
                          .moments = moments + first};
    struct dataset_pass pass;
    strip.sums = memory_new(struct exact_sum, strip.count);
    dataset_pass_begin(&pass, comm, sources, missing);
    good = measure_strip(&pass, &strip, rules, row, filled, error);
    memory_free(&strip.sums);
  }
  comm_sum_int64(comm, filled, 1);
  memory_free(&row);
  return good;
}

// ---- looking through a set ----

// Of all channels together.
static struct dataset_moments merge(const struct dataset_moments *channel, size_t channels) {
  struct dataset_moments all = {.min = INFINITY, .max = -INFINITY};
  double sum = 0.0, squares = 0.0;
  for (size_t c = 0; c < channels; c++) {
    all.entries += channel[c].entries;
    all.missing += channel[c].missing;
    all.min = fmin(all.min, channel[c].min);
    all.max = fmax(all.max, channel[c].max);
    sum += (double)channel[c].entries * channel[c].mean;
  }
  all.mean = all.entries > 0 ? sum / (double)all.entries : 0.0;
  for (size_t c = 0; c < channels; c++) {
    const double difference = channel[c].mean - all.mean, deviation = channel[c].deviation;
    squares += (double)channel[c].entries * (deviation * deviation + difference * difference);
  }
  all.deviation = all.entries > 0 ? sqrt(squares / (double)all.entries) : 0.0;
  return all;
}

struct dataset_survey dataset_survey(struct comm *comm, struct dataset_sources *sources,
                                     const struct dataset_rules *rules, size_t channels,
                                     struct error *error) {
  struct dataset_survey survey = {.channels = channels,
                                  .channel = memory_new(struct dataset_moments, channels)};
  if (dataset_check_scaling(sources, rules, error) &&
      dataset_measure(comm, sources, rules->missing, rules, channels, survey.channel,
                      &survey.filled, error))
    survey.all = merge(survey.channel, channels);
  return survey;
}
