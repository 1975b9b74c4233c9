#include "engine/modes.h"

#include <math.h>
#include <string.h>

#include "engine/dictionary.h"
#include "engine/ensemble.h"
#include "engine/observation.h"
#include "engine/ranking.h"
#include "ground/memory.h"
#include "numerics/elementary.h"

void modes_destroy(struct modes **modes) {
  if (*modes == NULL) return;
  memory_free(&(*modes)->found);
  memory_free(&(*modes)->z);
  memory_free(&(*modes)->objective);
  memory_free(modes);
}

double modes_bytes(const struct run *run) {
  const enum uncertainty_kind bars = run->config.evaluation.uncertainty;
  const int64_t modes = run->config.evaluation.modes;
  const size_t d = run->decoder->d;
  if (bars == UNCERTAINTY_NONE || run->config.evaluation.prior == PRIOR_NONE || modes == 1)
    return 0.0;
  const double latent = (double)(real_padded(d) * sizeof(real));
  const double sample = (double)modes * (latent + (double)(sizeof(double) + sizeof(int64_t))) +
                        (double)encoding_memory_bytes(ENCODING_BY_FLOW, d);
  double count = 0.0;
  for (int set = 0; set < SET_COUNT; set++)
    if (set != SET_TRAIN && run->used[set])
      count = fmax(count, ceil((double)run->shapes[set].count / comm_size(run->comm)));
  return sample * count;
}

const real *modes_latent(const struct modes *modes, int64_t i, size_t t) {
  return modes->z + ((size_t)i * modes->most + t) * real_padded(modes->d);
}

// ---- finding them ----

static double distance2(const struct prior *prior, const real *a, const real *b) {
  double sum = 0.0;
  for (size_t i = 0; i < prior->d; i++)
    for (size_t j = 0; j < prior->d; j++)
      sum += ((double)a[i] - (double)b[i]) * prior->precision[i * prior->d + j] *
             ((double)a[j] - (double)b[j]);
  return sum;
}

static bool is_known(const struct modes *modes, const struct prior *prior, int64_t i,
                     const real *z) {
  for (size_t t = 0; t < (size_t)modes->found[i]; t++)
    if (!(distance2(prior, modes_latent(modes, i, t), z) > 0.01 * (double)modes->d)) return true;
  return false;
}

static void keep(struct modes *modes, int64_t i, const real *z, double objective) {
  const size_t place = (size_t)(i * (int64_t)modes->most + modes->found[i]++);
  memcpy(modes->z + place * real_padded(modes->d), z, real_padded(modes->d) * sizeof *z);
  modes->objective[place] = objective;
}

static void rank(const struct run *run, const struct decoder *decoder,
                 const struct samples *samples, size_t most, int64_t *entries) {
  int64_t *all = memory_new(int64_t, samples->count);
  for (int64_t i = 0; i < samples->count; i++) all[i] = i;
  const struct ranking_wishes wishes = {.mean = true,
                                        .trained = true,
                                        .count = samples->count,
                                        .chosen = all,
                                        .rows = run->evaluation_rows};
  ranking_run(decoder, run->dictionary, samples, &wishes, most,
              &(struct ranking_found){.entries = entries});
  memory_free(&all);
}

// Flows of all samples from their entries number t; a sample without one begins where it has ended.
static void follow(const struct run *run, const struct decoder *decoder,
                   const struct samples *samples, struct modes *modes, const int64_t *entries,
                   size_t t) {
  const size_t stride = real_padded(modes->d);
  struct encoding *encoding = encoding_create(samples->count, modes->d);
  struct ensemble *ensemble =
      ensemble_create(NULL, decoder, &run->config.evaluation.solver, run->evaluation_rows);
  for (int64_t i = 0; i < samples->count; i++) {
    const int64_t entry = entries[(size_t)i * modes->most + t];
    memcpy(encoding->z + (size_t)i * stride,
           entry >= 0 ? run->dictionary->z + (size_t)entry * stride : modes_latent(modes, i, 0),
           stride * sizeof(real));
  }
  ensemble_run(ensemble, samples, 0, encoding);
  for (int64_t i = 0; i < samples->count; i++) {
    const real *z = encoding->z + (size_t)i * stride;
    if (isfinite(encoding->objective[i]) && !is_known(modes, samples->prior, i, z))
      keep(modes, i, z, encoding->objective[i]);
  }
  ensemble_destroy(&ensemble);
  encoding_destroy(&encoding);
}

struct modes *modes_find(const struct run *run, const struct posterior *posterior,
                         const struct encoding *encoding, size_t most) {
  const size_t d = run->decoder->d, count = (size_t)posterior->samples.count;
  struct modes *modes = memory_new(struct modes, 1);
  *modes = (struct modes){.most = most,
                          .d = d,
                          .n = run->decoder->n,
                          .found = memory_new(int64_t, count),
                          .z = memory_new(real, count * most * real_padded(d)),
                          .objective = memory_new(double, count *most)};
  for (size_t i = 0; i < count; i++)
    keep(modes, (int64_t)i, encoding->z + i * real_padded(d), encoding->objective[i]);
  struct observation *part = observation_create(run->decoder, &posterior->samples);
  const struct decoder *decoder = part != NULL ? part->decoder : run->decoder;
  const struct samples *samples = part != NULL ? &part->samples : &posterior->samples;
  int64_t *entries = memory_new(int64_t, count * most);
  rank(run, decoder, samples, most, entries);
  for (size_t t = 1; t < most; t++) follow(run, decoder, samples, modes, entries, t);
  memory_free(&entries);
  observation_destroy(&part);
  return modes;
}

// ---- their mixture ----

// Of a mode in the units of the first: the ratio of densities times that of volumes.
static double weight_of(const struct modes *modes, const struct posterior *posterior, int64_t i,
                        size_t t, double volume) {
  const double *objective = modes->objective + (size_t)i * modes->most;
  const double sum = posterior->samples.weight_sum[i] / (2.0 * posterior->prior->variance);
  const double power = sum * (objective[0] - objective[t]);
  return (double)exp_real((real)fmax(-80.0, fmin(80.0, power))) * volume;
}

void modes_mix(const struct modes *modes, const struct posterior *posterior,
               struct uncertainty *uncertainty, int64_t i, real *mean, real *deviation) {
  const size_t n = modes->n;
  double *first = memory_new(double, n), *second = memory_new(double, n);
  double *scale = memory_new(double, modes->d), total = 0.0;
  for (size_t t = 0; t < (size_t)modes->found[i]; t++) {
    uncertainty_of(uncertainty, i, modes_latent(modes, i, t));
    const double volume = uncertainty_volume(uncertainty, t == 0, scale);
    const double weight = weight_of(modes, posterior, i, t, volume);
    const real *x = uncertainty_output(uncertainty);
    if (t > 0 && !isfinite(weight)) continue;
    total += weight;
    uncertainty_of_output(uncertainty, deviation);
    for (size_t k = 0; k < n; k++) {
      const double value = (double)x[k], spread = (double)deviation[k];
      first[k] += weight * value;
      second[k] += weight * (value * value + spread * spread);
    }
  }
  memset(mean, 0, real_padded(n) * sizeof *mean);
  for (size_t k = 0; k < n; k++) {
    const double average = first[k] / total, variance = second[k] / total - average * average;
    mean[k] = (real)average;
    deviation[k] = (real)sqrt(variance > 0.0 || isnan(variance) ? variance : 0.0);
  }
  memory_free(&first);
  memory_free(&second);
  memory_free(&scale);
}
