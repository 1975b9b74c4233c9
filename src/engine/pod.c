#include "engine/pod.h"

#include <math.h>
#include <string.h>

#include "engine/pod_modes.h"
#include "engine/pod_profile.h"
#include "engine/pod_regression.h"
#include "engine/pod_samples.h"
#include "ground/memory.h"

struct pod *pod_create(size_t n, enum loss_kind loss, size_t d) {
  struct pod *pod = memory_new(struct pod, 1);
  *pod = (struct pod){.n = n, .stride = real_padded(n), .d = d, .loss = loss};
  pod->mean = memory_new(real, pod->stride);
  pod->modes = memory_new(real, d * pod->stride);
  pod->s = memory_new(double, d);
  return pod;
}

void pod_destroy(struct pod **pod) {
  if (*pod == NULL) return;
  memory_free(&(*pod)->mean);
  memory_free(&(*pod)->modes);
  memory_free(&(*pod)->s);
  memory_free(pod);
}

// Removes the square roots of shared weights as a factor from modes that are orthonormal with it.
static void take_factor_out(const struct pod_samples *samples, size_t d, double *modes) {
  for (size_t j = 0; j < samples->n; j++) {
    const double factor = samples->factor[j];
    for (size_t k = 0; k < d; k++)
      modes[k * samples->n + j] = factor > 0.0 ? modes[k * samples->n + j] / factor : 0.0;
  }
}

static void fit_squares(struct comm *comm, const struct dataset *set, struct pod *pod,
                        double *modes, double *mean) {
  struct pod_samples *samples = pod_samples_create(comm, set, set->y);
  pod_modes_find(samples, pod->d, modes, pod->s);
  if (samples->weight > 0.0) pod_profile_fit(samples, LOSS_MSE, pod->d, modes, pod->s);
  take_factor_out(samples, pod->d, modes);
  memcpy(mean, samples->mean, pod->n * sizeof *mean);
  pod_samples_destroy(&samples);
}

// Starts from the POD of what the logits of the data would be.
static void fit_logistic(struct comm *comm, const struct dataset *set, struct pod *pod,
                         double *modes, double *mean) {
  struct dataset *few = pod_samples_thin(comm, set, POD_LOGISTIC_MOST);
  real *logits = memory_new(real, (size_t)few->local_count * few->stride);
  for (size_t i = 0; i < (size_t)few->local_count; i++)
    for (size_t j = 0; j < few->n; j++)
      logits[i * few->stride + j] = (real)pod_regression_logit((double)few->y[i * few->stride + j]);
  struct pod_samples *samples = pod_samples_create(comm, few, logits);
  pod_modes_find(samples, pod->d, modes, pod->s);
  take_factor_out(samples, pod->d, modes);
  memcpy(mean, samples->mean, pod->n * sizeof *mean);
  pod_samples_destroy(&samples);
  memory_free(&logits);
  samples = pod_samples_create(comm, few, few->y);
  memcpy(samples->mean, mean, pod->n * sizeof *mean);
  pod_profile_fit(samples, LOSS_BCE, pod->d, modes, pod->s);
  memcpy(mean, samples->mean, pod->n * sizeof *mean);
  pod_samples_destroy(&samples);
  pod_samples_thin_free(&few);
}

struct pod *pod_fit_set(struct comm *comm, const struct dataset *set, enum loss_kind loss,
                        size_t d) {
  struct pod *pod = pod_create(set->n, loss, d);
  double *modes = memory_new(double, d * pod->n), *mean = memory_new(double, pod->n);
  (loss == LOSS_BCE ? fit_logistic : fit_squares)(comm, set, pod, modes, mean);
  for (size_t j = 0; j < pod->n; j++) {
    pod->mean[j] = (real)mean[j];
    for (size_t k = 0; k < d; k++) pod->modes[k * pod->stride + j] = (real)modes[k * pod->n + j];
  }
  memory_free(&modes);
  memory_free(&mean);
  return pod;
}

double pod_bytes(int ranks, const struct dataset_shape *shape, enum loss_kind loss, size_t d) {
  double total = (double)shape->count;
  if (loss == LOSS_BCE) total = fmin(total, POD_LOGISTIC_MOST);
  const double share = ceil(total / ranks), entries = (double)shape->n;
  const double copies = (shape->weights ? 2.0 : 1.0) * (ranks > 1 ? 2.0 : 1.0);
  const double more = loss == LOSS_BCE ? copies + 1.0 : ranks > 1 ? copies / 2.0 : 0.0;
  double bytes = more * share * entries * (double)sizeof(real);
  bytes += pod_modes_bytes(total, shape->n, d);
  if (loss == LOSS_BCE || shape->weights) bytes += pod_profile_bytes(total, share, shape->n, d);
  return bytes + (double)d * entries * (double)(sizeof(real) + sizeof(double));
}
