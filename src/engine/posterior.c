#include "engine/posterior.h"

#include <math.h>
#include <string.h>

#include "engine/dictionary_fit.h"
#include "ground/log.h"
#include "ground/memory.h"

// The variance of an entry's error due to rounding alone, in scaled units.
static const double least_variance = 1e-14;

static bool is_new(enum set set) { return set == SET_TEST || set == SET_ENCODE; }

static bool uncoupled(const struct run *run) {
  return run->config.evaluation.solver.coupling == COUPLING_NONE;
}

static bool has_source(const struct run *run) {
  return run->dictionary != NULL || run->file_dictionary > 0 || run->sets[SET_TRAIN] != NULL;
}

// Whether an entry of any sample of a set has the weight 0.
static bool has_missing(const struct run *run, enum set set) {
  const struct dataset *data = run->sets[set];
  int64_t missing = 0;
  for (int64_t i = 0; data->w != NULL && i < data->local_count && !missing; i++)
    for (size_t k = 0; k < data->n && !missing; k++)
      missing = data->w[(size_t)i * data->stride + k] == 0;
  comm_max_int64(run->comm, &missing, 1);
  return missing;
}

bool posterior_wanted(struct run *run, enum set set) {
  if (!is_new(set) || !uncoupled(run)) return false;
  switch (run->config.evaluation.prior) {
    case PRIOR_GAUSSIAN:
      return true;
    case PRIOR_AUTO:
      return run->sets[set] != NULL && has_source(run) && has_missing(run, set);
    default:
      return false;
  }
}

bool posterior_is_needed(struct run *run) {
  if (run->config.evaluation.uncertainty != UNCERTAINTY_NONE) return true;
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set] && posterior_wanted(run, (enum set)set)) return true;
  return false;
}

// ---- errors of entries ----

// The decoder's own mean squared error of an entry: that of the held-out samples, if there are any,
// since on training samples it is smaller.
static double own_error(const struct run *run) {
  const double held_out = run_held_out_loss(run);
  return isfinite(held_out) ? held_out : run->dictionary->trained_loss;
}

// The variance of an entry's error, in the units of scaled data.
static double variance_of(const struct run *run, enum set set, size_t entry) {
  const struct config_numbers *noise = &run->config.evaluation.noise;
  const size_t channels = (size_t)run->views[set]->channels;
  const size_t channel = noise->count > 1 ? entry / (run->decoder->n / channels) : 0;
  const double scale = run->scaling->scale[scaling_place(run->scaling, entry)];
  const double deviation = noise->values[channel] / scale;
  const double variance = deviation * deviation + own_error(run);
  return variance > least_variance ? variance : least_variance;
}

// Weights over variances, in units of the first entry's variance.
static void weigh(struct posterior *posterior, const struct run *run, enum set set) {
  const size_t n = run->decoder->n, stride = real_padded(n);
  struct samples *samples = &posterior->samples;
  real *factor = memory_new(real, stride);
  bool differ = false;
  for (size_t k = 0; k < n; k++) {
    factor[k] = (real)(posterior->variance / variance_of(run, set, k));
    differ = differ || factor[k] != 1;
  }
  if (differ) {
    posterior->w = memory_new(real, (size_t)samples->count * stride);
    posterior->weight_sum = memory_new(double, samples->count);
    for (int64_t i = 0; i < samples->count; i++)
      for (size_t k = 0; k < n; k++) {
        const size_t at = (size_t)i * stride + k;
        posterior->w[at] = samples->w == NULL ? factor[k] : samples->w[at] * factor[k];
        posterior->weight_sum[i] += (double)posterior->w[at];
      }
    samples->w = posterior->w;
    samples->weight_sum = posterior->weight_sum;
  }
  memory_free(&factor);
}

// ---- the prior ----

struct prior *posterior_prior(const struct dictionary *dictionary, double variance) {
  const size_t d = dictionary->d;
  double *covariance = memory_new(double, d *d);
  memcpy(covariance, dictionary->covariance, d * d * sizeof *covariance);
  struct prior *prior = NULL;
  if (dictionary_add_ridge(d, covariance) > 0.0)
    prior = prior_create(d, dictionary->latent_mean, covariance, variance);
  memory_free(&covariance);
  return prior;
}

struct posterior *posterior_create(struct run *run, enum set set, const struct samples *samples,
                                   bool informative) {
  const bool logistic = run->decoder->loss == LOSS_BCE;
  if (!has_source(run)) return NULL;
  if (run->dictionary == NULL) run->dictionary = dictionary_fit(run);
  if (isnan(run->dictionary->trained_loss)) return NULL;
  struct posterior *posterior = memory_new(struct posterior, 1);
  posterior->samples = *samples;
  posterior->variance = logistic ? 1.0 : variance_of(run, set, 0);
  if (!logistic) weigh(posterior, run, set);
  if (informative) {
    posterior->prior = posterior_prior(run->dictionary, logistic ? 0.5 : posterior->variance);
    if (posterior->prior == NULL)
      log_warning(
          "evaluation.prior: all trained latents are the same, so they have no covariance; %s is "
          "encoded without a prior",
          set_name(set));
  }
  posterior->samples.prior = posterior->prior;
  return posterior;
}

void posterior_destroy(struct posterior **posterior) {
  if (*posterior == NULL) return;
  prior_destroy(&(*posterior)->prior);
  memory_free(&(*posterior)->w);
  memory_free(&(*posterior)->weight_sum);
  memory_free(posterior);
}

// ---- memory ----

static bool may_weigh(const struct run *run, enum set set) {
  const struct config *config = &run->config;
  const struct config_scale *scale = &config->data.scale;
  const bool measured = scale->kind == SCALE_MINMAX || scale->kind == SCALE_STANDARDISE;
  const bool constants =
      run->scaling != NULL ? run->scaling->count > 1 : measured && scale->per != SCALE_PER_ALL;
  const struct dataset_shape *shape = &run->shapes[set];
  const bool missing =
      shape->weights || shape->missing || config->data.missing.kind != MISSING_ERROR;
  const bool taken = config->evaluation.prior == PRIOR_GAUSSIAN ||
                     config->evaluation.uncertainty != UNCERTAINTY_NONE ||
                     (config->evaluation.prior == PRIOR_AUTO && missing);
  return taken && (constants || config->evaluation.noise.count > 1);
}

double posterior_bytes(const struct run *run) {
  const enum uncertainty_kind bars = run->config.evaluation.uncertainty;
  const double d = (double)run->decoder->d;
  const double row = (double)(real_padded(run->decoder->n) * sizeof(real));
  double most = 0.0;
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set] || !is_new((enum set)set)) continue;
    double sample = may_weigh(run, (enum set)set) ? row : 0.0;
    if (bars != UNCERTAINTY_NONE) sample += d * (double)sizeof(double);
    if (bars == UNCERTAINTY_COVARIANCE) sample += d * d * (double)sizeof(double);
    most = fmax(most, sample * ceil((double)run->shapes[set].count / comm_size(run->comm)));
  }
  return most + (bars != UNCERTAINTY_NONE ? d * row : 0.0);
}

// ---- what can be wrong ----

static void check_noise(const struct run *run, struct error *error) {
  const struct config_numbers *noise = &run->config.evaluation.noise;
  bool given = false;
  for (int64_t k = 0; k < noise->count; k++) given = given || noise->values[k] > 0.0;
  if (given && run->decoder->loss == LOSS_BCE)
    error_set(error,
              "evaluation.noise: with decoder.loss = %s, values are probabilities, which have no "
              "noise; leave it out",
              loss_name(LOSS_BCE));
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set] && is_new((enum set)set) && noise->count > 1 &&
        noise->count != run->views[set]->channels)
      error_set(error,
                "evaluation.noise: %lld numbers, but a sample of %s has %lld channels; give one "
                "number, or one per channel",
                (long long)noise->count, set_name((enum set)set),
                (long long)run->views[set]->channels);
}

void posterior_check(const struct run *run, struct error *error) {
  const bool gaussian = run->config.evaluation.prior == PRIOR_GAUSSIAN;
  const bool bars = run->config.evaluation.uncertainty != UNCERTAINTY_NONE;
  const char *key = gaussian ? "prior" : "uncertainty";
  const char *value = gaussian ? prior_name(PRIOR_GAUSSIAN)
                               : uncertainty_name((int)run->config.evaluation.uncertainty);
  check_noise(run, error);
  if (!gaussian && !bars) return;
  if (!uncoupled(run))
    error_set(error, "evaluation.%s = %s needs evaluation.coupling = none", key, value);
  if (!run->used[SET_TRAIN] && run->file_dictionary == 0)
    error_set(error,
              "evaluation.%s = %s: decoder.file = %s has no trained latents; to add them, run the "
              "task train with this decoder.file, data.train and training.epochs = 0",
              key, value, run->config.decoder.file);
}
