#include "engine/dictionary_fit.h"

#include <math.h>
#include <string.h>

#include "engine/choice.h"
#include "engine/dictionary.h"
#include "engine/ensemble.h"
#include "engine/ranking.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/reduction.h"

// A key for rng_permute() that no epoch or subset uses.
static const uint64_t dictionary_key = UINT64_MAX - 1;

// `weighted`: as many as samples with weights are ranked among.
static int64_t trained_count(const struct run *run, bool weighted) {
  const int64_t most = ranking_most(run->decoder, weighted);
  const int64_t count = run->shapes[SET_TRAIN].count;
  return most < count ? most : count;
}

struct draw {
  uint64_t seed;
  int64_t count, total;
};

static int64_t is_drawn(const void *context, int64_t sample) {
  const struct draw *draw = context;
  const int64_t place = rng_permute_back(draw->seed, dictionary_key, draw->total, sample);
  return place < draw->count ? place : -1;
}

static struct choice *draw_samples(const struct run *run, int64_t count) {
  const struct draw draw = {.seed = (uint64_t)run->config.run.seed,
                            .count = count,
                            .total = run->shapes[SET_TRAIN].count};
  return choice_create(run->sets[SET_TRAIN], draw.count, is_drawn, &draw);
}

static void take_latents(const struct choice *choice, const real *latents, size_t stride,
                         struct encoding *encoding) {
  for (int64_t i = 0; i < choice->samples.count; i++)
    memcpy(encoding->z + (size_t)i * stride, latents + (size_t)choice->local[i] * stride,
           stride * sizeof(real));
}

static bool is_finite(size_t d, const real *z) {
  for (size_t k = 0; k < d; k++)
    if (!isfinite(z[k])) return false;
  return true;
}

// What ranks exchange about every entry, as numbers that can be added up: latents, then origin and
// loss.
struct told {
  double *z, *loss;
  int64_t *origin;
};

static int64_t *all_of(const struct choice *choice) {
  int64_t *all = memory_new(int64_t, choice->samples.count);
  for (int64_t i = 0; i < choice->samples.count; i++) all[i] = i;
  return all;
}

static void follow(struct run *run, const struct choice *choice, struct encoding *encoding) {
  struct ensemble *ensemble = ensemble_create(comm_ranks(run->comm), run->decoder,
                                              &run->config.evaluation.solver, run->evaluation_rows);
  ensemble_run(ensemble, &choice->samples, 0, encoding);
  ensemble_destroy(&ensemble);
}

static struct told tell(const struct run *run, const struct choice *choice,
                        const struct encoding *encoding, int64_t total) {
  const size_t d = run->decoder->d, stride = real_padded(d), n = run->decoder->n;
  struct told told = {.z = memory_new(double, (size_t)total *d),
                      .loss = memory_new(double, total),
                      .origin = memory_new(int64_t, total)};
  for (int64_t i = 0; i < choice->samples.count; i++) {
    const size_t number = (size_t)choice->number[i];
    for (size_t k = 0; k < d; k++)
      told.z[number * d + k] = 0.0 + (double)encoding->z[(size_t)i * stride + k];  // -0 becomes 0
    told.loss[number] = encoding->loss[i];
    told.origin[number] = ranking_origin(&choice->samples, n, i);
  }
  const struct ranks *ranks = comm_ranks(run->comm);
  ranks_sum_double(ranks, told.z, (size_t)total * d);
  ranks_sum_double(ranks, told.loss, (size_t)total);
  ranks_sum_int64(ranks, told.origin, (size_t)total);
  return told;
}

// Entries whose flow failed are left out.
static struct dictionary *assemble(const struct told *told, size_t d, int64_t total) {
  int64_t good = 0;
  for (int64_t k = 0; k < total; k++) good += isfinite(told->loss[k]);
  struct dictionary *dictionary = dictionary_create(d, good);
  int64_t entry = DICTIONARY_TRAINED;
  double sum = 0.0;
  for (int64_t k = 0; k < total; k++) {
    if (!isfinite(told->loss[k])) continue;
    for (size_t i = 0; i < d; i++)
      dictionary->z[(size_t)entry * real_padded(d) + i] = (real)told->z[(size_t)k * d + i];
    dictionary->origin[entry++] = told->origin[k];
    sum += told->loss[k];
  }
  if (good > 0) dictionary->trained_loss = sum / (double)good;
  dictionary_complete(dictionary);
  return dictionary;
}

// ---- mean and covariance of all trained latents ----

// Samples whose latents are finite, and, in integers that ranks add up exactly, sums over them.
struct latents {
  const struct run *run;
  int64_t count;  // on this rank
  size_t d, stride;
};

static bool counts(const struct latents *latents, int64_t i) {
  return is_finite(latents->d, latents->run->latents + (size_t)i * latents->stride);
}

static double distance(const struct latents *latents, const double *mean, int64_t i, size_t k) {
  return (double)latents->run->latents[(size_t)i * latents->stride + k] - mean[k];
}

// How many they are, and their mean.
static int64_t sum_latents(const struct latents *latents, double *mean) {
  const struct ranks *ranks = comm_ranks(latents->run->comm);
  double *values = memory_new(double, latents->count);
  int64_t total = 0;
  for (int64_t i = 0; i < latents->count; i++) total += counts(latents, i);
  ranks_sum_int64(ranks, &total, 1);
  for (size_t k = 0; k < latents->d && total > 0; k++) {
    for (int64_t i = 0; i < latents->count; i++)
      values[i] =
          counts(latents, i) ? (double)latents->run->latents[(size_t)i * latents->stride + k] : 0.0;
    mean[k] = reduction_sum(ranks, values, (size_t)latents->count) / (double)total;
  }
  memory_free(&values);
  return total;
}

// The unit in which distances from the mean are rounded to integers: small, but large enough that
// the sum of `total` products of two distances fits into 63 bits.
static void find_units(const struct latents *latents, const double *mean, int64_t total,
                       double *unit) {
  int bits = 0;
  while (bits < 31 && total >> (62 - 2 * bits) == 0) bits++;
  for (int64_t i = 0; i < latents->count; i++)
    for (size_t k = 0; k < latents->d; k++)
      if (counts(latents, i)) unit[k] = fmax(unit[k], fabs(distance(latents, mean, i, k)));
  ranks_max_double(comm_ranks(latents->run->comm), unit, latents->d);
  for (size_t k = 0; k < latents->d; k++) unit[k] = unit[k] > 0.0 ? ldexp(unit[k], 1 - bits) : 1.0;
}

static void sum_products(const struct latents *latents, const double *mean, const double *unit,
                         int64_t *products) {
  const size_t d = latents->d;
  int64_t *steps = memory_new(int64_t, d);
  for (int64_t i = 0; i < latents->count; i++) {
    if (!counts(latents, i)) continue;
    for (size_t k = 0; k < d; k++)
      steps[k] = (int64_t)floor(distance(latents, mean, i, k) / unit[k] + 0.5);
    for (size_t k = 0; k < d; k++)
      for (size_t l = 0; l <= k; l++) products[k * d + l] += steps[k] * steps[l];
  }
  ranks_sum_int64(comm_ranks(latents->run->comm), products, d * d);
  memory_free(&steps);
}

static void add_moments(const struct run *run, struct dictionary *dictionary) {
  const size_t d = dictionary->d;
  const struct latents latents = {run, run->sets[SET_TRAIN]->local_count, d, real_padded(d)};
  double *mean = dictionary->latent_mean, *unit = memory_new(double, d);
  int64_t *products = memory_new(int64_t, d * d);
  const int64_t total = sum_latents(&latents, mean);
  if (total > 0) {
    find_units(&latents, mean, total, unit);
    sum_products(&latents, mean, unit, products);
    for (size_t k = 0; k < d; k++)
      for (size_t l = 0; l <= k; l++)
        dictionary->covariance[k * d + l] = dictionary->covariance[l * d + k] =
            (double)products[k * d + l] * unit[k] * unit[l] / (double)total;
    dictionary->latents = total;
  }
  memory_free(&unit);
  memory_free(&products);
}

// A dictionary of latents as the encoding has them.
static struct dictionary *collect(const struct run *run, const struct choice *choice,
                                  const struct encoding *encoding) {
  const int64_t total = choice->samples.total;
  struct told told = tell(run, choice, encoding, total);
  struct dictionary *dictionary = assemble(&told, run->decoder->d, total);
  memory_free(&told.z);
  memory_free(&told.loss);
  memory_free(&told.origin);
  return dictionary;
}

// Flows from z = 0 may have ended in poor minima. Each sample tries once more, from the best end of
// the others, and keeps the lower one.
static void follow_others(struct run *run, const struct choice *choice, struct encoding *encoding) {
  const size_t stride = real_padded(run->decoder->d);
  const int64_t count = choice->samples.count;
  struct dictionary *others = collect(run, choice, encoding);
  struct encoding *again = encoding_create(count, run->decoder->d);
  int64_t *all = all_of(choice), *entry = memory_new(int64_t, count);
  const struct ranking_wishes wishes = {.zero = true,
                                        .trained = true,
                                        .exclude_own = true,
                                        .count = count,
                                        .chosen = all,
                                        .rows = run->evaluation_rows};
  ranking_run(run->decoder, others, &choice->samples, &wishes, 1,
              &(struct ranking_found){.entries = entry});
  for (int64_t i = 0; i < count; i++)
    memcpy(again->z + (size_t)i * stride,
           others->z + (size_t)(entry[i] > 0 ? entry[i] : 0) * stride, stride * sizeof(real));
  follow(run, choice, again);
  for (int64_t i = 0; i < count; i++) {
    if (!(again->loss[i] < encoding->loss[i]) && !isnan(encoding->loss[i])) continue;
    encoding->loss[i] = again->loss[i];
    memcpy(encoding->z + (size_t)i * stride, again->z + (size_t)i * stride, stride * sizeof(real));
  }
  memory_free(&all);
  memory_free(&entry);
  encoding_destroy(&again);
  dictionary_destroy(&others);
}

int64_t dictionary_fit_entries(const struct run *run) {
  const int64_t trained = run->used[SET_TRAIN] ? trained_count(run, false) : run->file_dictionary;
  return DICTIONARY_TRAINED + trained;
}

struct dictionary *dictionary_fit(struct run *run) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  struct choice *choice = draw_samples(run, trained_count(run, false));
  struct encoding *encoding = encoding_create(choice->samples.count, d);
  if (run->latents != NULL) take_latents(choice, run->latents, stride, encoding);
  follow(run, choice, encoding);
  if (run->latents == NULL) follow_others(run, choice, encoding);
  struct dictionary *dictionary = collect(run, choice, encoding);
  if (run->latents != NULL) add_moments(run, dictionary);
  encoding_destroy(&encoding);
  choice_destroy(&choice);
  return dictionary;
}

struct dictionary *dictionary_fit_latents(const struct run *run, const real *latents) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  struct choice *choice = draw_samples(run, trained_count(run, true));
  struct encoding *encoding = encoding_create(choice->samples.count, d);
  take_latents(choice, latents, stride, encoding);
  for (int64_t i = 0; i < choice->samples.count; i++)
    if (!is_finite(d, encoding->z + (size_t)i * stride)) encoding->loss[i] = NAN;
  struct dictionary *dictionary = collect(run, choice, encoding);
  encoding_destroy(&encoding);
  choice_destroy(&choice);
  return dictionary;
}

double dictionary_fit_bytes(const struct run *run) {
  const double total = (double)trained_count(run, false), d = (double)run->decoder->d;
  const double mine = ceil(total / comm_size(run->comm));
  return total * (d + 2.0) * (double)sizeof(double) +
         2.0 * mine * (double)(real_padded(run->decoder->n) * sizeof(real));
}
