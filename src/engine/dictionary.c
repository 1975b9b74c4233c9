#include "engine/dictionary.h"

#include <math.h>
#include <string.h>

#include "ground/checksum.h"
#include "ground/memory.h"
#include "numerics/dense.h"

static const double ridge = 1e-6;  // of the mean variance, as some latents may be unused

struct dictionary *dictionary_create(size_t d, int64_t trained) {
  struct dictionary *dictionary = memory_new(struct dictionary, 1);
  const size_t count = (size_t)trained + DICTIONARY_TRAINED;
  *dictionary = (struct dictionary){
      .d = d, .count = (int64_t)count, .trained_loss = NAN, .held_out_loss = NAN};
  dictionary->z = memory_new(real, count * real_padded(d));
  dictionary->origin = memory_new(int64_t, count);
  dictionary->latent_mean = memory_new(double, d);
  dictionary->covariance = memory_new(double, d *d);
  return dictionary;
}

void dictionary_destroy(struct dictionary **dictionary) {
  if (*dictionary == NULL) return;
  for (int64_t k = 0; (*dictionary)->metric != NULL && k < (*dictionary)->count; k++)
    memory_free(&(*dictionary)->metric[k]);
  memory_free(&(*dictionary)->metric);
  memory_free(&(*dictionary)->z);
  memory_free(&(*dictionary)->origin);
  memory_free(&(*dictionary)->standardised);
  memory_free(&(*dictionary)->factor);
  memory_free(&(*dictionary)->latent_mean);
  memory_free(&(*dictionary)->covariance);
  memory_free(dictionary);
}

static real *latent(const struct dictionary *dictionary, int64_t entry) {
  return dictionary->z + (size_t)entry * real_padded(dictionary->d);
}

static void find_mean(struct dictionary *dictionary, double *mean) {
  const int64_t trained = dictionary->count - DICTIONARY_TRAINED;
  for (size_t i = 0; i < dictionary->d; i++) {
    for (int64_t k = DICTIONARY_TRAINED; k < dictionary->count; k++)
      mean[i] += (double)latent(dictionary, k)[i];
    if (trained > 0) mean[i] /= (double)trained;
    latent(dictionary, DICTIONARY_MEAN)[i] = (real)mean[i];
  }
}

// The lower triangle of the entries' covariance.
static void find_covariance(const struct dictionary *dictionary, const double *mean,
                            double *factor) {
  const size_t d = dictionary->d;
  for (int64_t k = DICTIONARY_TRAINED; k < dictionary->count; k++) {
    const real *z = latent(dictionary, k);
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j <= i; j++)
        factor[i * d + j] += ((double)z[i] - mean[i]) * ((double)z[j] - mean[j]);
  }
  const double scale = 1.0 / fmax(1.0, (double)(dictionary->count - DICTIONARY_TRAINED));
  for (size_t k = 0; k < d * d; k++) factor[k] *= scale;
}

double dictionary_add_ridge(size_t d, double *covariance) {
  double trace = 0.0;
  for (size_t i = 0; i < d; i++) trace += covariance[i * d + i];
  for (size_t i = 0; i < d; i++) covariance[i * d + i] += ridge * trace / (double)d;
  return trace;
}

// Replaces a covariance by its Cholesky factor; the identity if there is none.
static void find_factor(size_t d, double *factor) {
  const double trace = dictionary_add_ridge(d, factor);
  if (trace > 0.0 && dense_cholesky(d, factor)) return;
  memset(factor, 0, d * d * sizeof *factor);
  for (size_t i = 0; i < d; i++) factor[i * d + i] = 1.0;
}

static void keep_moments(struct dictionary *dictionary, const double *mean,
                         const double *covariance) {
  const size_t d = dictionary->d;
  if (dictionary->latents > 0) return;
  dictionary->latents = dictionary->count - DICTIONARY_TRAINED;
  memcpy(dictionary->latent_mean, mean, d * sizeof *mean);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      dictionary->covariance[i * d + j] = covariance[j <= i ? i * d + j : j * d + i];
}
void dictionary_complete(struct dictionary *dictionary) {
  const size_t d = dictionary->d;
  double *mean = memory_new(double, d), *factor = memory_new(double, d *d);
  memory_free(&dictionary->factor);
  dictionary->factor = factor;
  find_mean(dictionary, mean);
  find_covariance(dictionary, mean, factor);
  keep_moments(dictionary, mean, factor);
  find_factor(d, factor);
  if (dictionary->standardised == NULL)
    dictionary->standardised = memory_new(double, (size_t)dictionary->count *d);
  for (int64_t k = 0; k < dictionary->count; k++) {  // forward substitution
    double *u = dictionary->standardised + (size_t)k * d;
    for (size_t i = 0; i < d; i++) {
      u[i] = (double)latent(dictionary, k)[i] - mean[i];
      for (size_t j = 0; j < i; j++) u[i] -= factor[i * d + j] * u[j];
      u[i] /= factor[i * d + i];
    }
  }
  memory_free(&mean);
}

double dictionary_distance2(const struct dictionary *dictionary, int64_t a, int64_t b) {
  const double *u = dictionary->standardised + (size_t)a * dictionary->d;
  const double *v = dictionary->standardised + (size_t)b * dictionary->d;
  double sum = 0.0;
  for (size_t i = 0; i < dictionary->d; i++) sum += (u[i] - v[i]) * (u[i] - v[i]);
  return sum;
}

uint64_t dictionary_checksum(const struct dictionary *dictionary) {
  const size_t count = (size_t)dictionary->count;
  const uint64_t parts[] = {
      checksum(dictionary->z, count * real_padded(dictionary->d) * sizeof(real), 0),
      checksum(dictionary->origin, count * sizeof *dictionary->origin, 0),
      checksum(&dictionary->trained_loss, sizeof dictionary->trained_loss, 0),
      checksum(&dictionary->held_out_loss, sizeof dictionary->held_out_loss, 0),
      checksum(dictionary->latent_mean, dictionary->d * sizeof(double), 0),
      checksum(dictionary->covariance, dictionary->d * dictionary->d * sizeof(double), 0)};
  const uint64_t sum = checksum(parts, sizeof parts, 0);
  return sum != 0 ? sum : 1;
}

// ---- metrics ----

static bool have_own(const struct dictionary *dictionary) {
  return dictionary->d <= DICTIONARY_METRIC_LATENT;
}

int64_t dictionary_metric_count(const struct dictionary *dictionary) {
  return have_own(dictionary) ? dictionary->count - DICTIONARY_TRAINED : 1;
}

int64_t dictionary_metric_first(const struct dictionary *dictionary) {
  return have_own(dictionary) ? DICTIONARY_TRAINED : DICTIONARY_MEAN;
}

void dictionary_get_metrics(const struct dictionary *dictionary, real *packed) {
  const size_t d = dictionary->d, count = (size_t)dictionary_metric_count(dictionary);
  memset(packed, 0, count * d * d * sizeof *packed);
  for (size_t k = 0; k < count && dictionary->metric != NULL; k++) {
    const real *metric = dictionary->metric[(size_t)dictionary_metric_first(dictionary) + k];
    for (size_t i = 0; i < d && metric != NULL; i++)
      memcpy(packed + (k * d + i) * d, metric + i * real_padded(d), d * sizeof *metric);
  }
}

void dictionary_set_metrics(struct dictionary *dictionary, const real *packed) {
  const size_t d = dictionary->d, count = (size_t)dictionary_metric_count(dictionary);
  if (dictionary->metric == NULL) dictionary->metric = memory_new(real *, dictionary->count);
  for (size_t k = 0; k < count; k++) {
    real **metric = &dictionary->metric[(size_t)dictionary_metric_first(dictionary) + k];
    const real *from = packed + k * d * d;
    if (*metric != NULL || from[0] == 0) continue;  // a diagonal is positive
    *metric = memory_new(real, d * real_padded(d));
    for (size_t i = 0; i < d; i++)
      memcpy(*metric + i * real_padded(d), from + i * d, d * sizeof *from);
  }
  dictionary->has_metrics = true;
}

static void broadcast_metrics(struct dictionary *dictionary, const struct ranks *ranks) {
  ranks_broadcast(ranks, &dictionary->has_metrics, sizeof dictionary->has_metrics, 0);
  if (!dictionary->has_metrics) return;
  const size_t numbers =
      (size_t)dictionary_metric_count(dictionary) * dictionary->d * dictionary->d;
  real *packed = memory_new(real, numbers);
  dictionary_get_metrics(dictionary, packed);
  ranks_broadcast(ranks, packed, numbers * sizeof *packed, 0);
  dictionary_set_metrics(dictionary, packed);
  memory_free(&packed);
}

void dictionary_broadcast(struct dictionary *dictionary, const struct ranks *ranks) {
  const size_t count = (size_t)dictionary->count;
  ranks_broadcast(ranks, dictionary->z, count * real_padded(dictionary->d) * sizeof(real), 0);
  ranks_broadcast(ranks, dictionary->origin, count * sizeof *dictionary->origin, 0);
  ranks_broadcast(ranks, &dictionary->trained_loss, sizeof dictionary->trained_loss, 0);
  ranks_broadcast(ranks, &dictionary->held_out_loss, sizeof dictionary->held_out_loss, 0);
  ranks_broadcast(ranks, &dictionary->latents, sizeof dictionary->latents, 0);
  ranks_broadcast(ranks, dictionary->latent_mean, dictionary->d * sizeof(double), 0);
  ranks_broadcast(ranks, dictionary->covariance, dictionary->d * dictionary->d * sizeof(double), 0);
  broadcast_metrics(dictionary, ranks);
  dictionary_complete(dictionary);
}
