#include "engine/pod.h"

#include <math.h>
#include <string.h>

#include "engine/pod_modes.h"
#include "engine/pod_profile.h"
#include "engine/pod_regression.h"
#include "engine/pod_samples.h"
#include "ground/memory.h"
#include "numerics/dense.h"

enum { CHAIN = 256, BAND = 96 };  // terms of a chain; samples that share a packed block

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

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

// ---- fit ----

// Modes that are orthonormal with the roots of shared weights as a factor, without it.
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

// Begins from the POD of what the logits of data would be.
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

// ---- codes ----

// What many samples, or one with its weights, need for their codes.
struct coder {
  const struct pod *pod;
  size_t active;     // modes with s > 0
  size_t columns;    // room for those and the bias
  double *modes;     // [n][columns] the active modes, an entry a row, then the mean
  double *across;    // the same transposed, as a regression wants it
  double *block;     // [BAND][CHAIN] of samples
  double *weighted;  // [CHAIN][columns]
  double *sums;      // [BAND][columns]
  double *matrix;    // [active][columns] U^T W U
  struct pod_regression *regression;
};

static struct coder coder_create(const struct pod *pod) {
  struct coder c = {.pod = pod};
  while (c.active < pod->d && pod->s[c.active] > 0.0) c.active++;
  c.columns = pod_regression_columns(c.active);
  c.modes = memory_new(double, pod->n *c.columns);
  for (size_t j = 0; j < pod->n; j++) {
    for (size_t k = 0; k < c.active; k++)
      c.modes[j * c.columns + k] = (double)pod->modes[k * pod->stride + j];
    c.modes[j * c.columns + c.active] = (double)pod->mean[j];
  }
  c.block = memory_new(double, BAND *CHAIN);
  c.weighted = memory_new(double, CHAIN *c.columns);
  c.sums = memory_new(double, BAND *c.columns);
  c.matrix = memory_new(double, (c.active + 1) * c.columns);
  c.regression = pod_regression_create(pod->loss, 0.0, c.active, c.active, pod->n);
  c.regression->features = c.modes;
  c.regression->count = pod->n;
  c.across = memory_new(double, (c.active + 1) * pod_regression_room(pod->n));
  pod_regression_transpose(pod->n, c.active, c.modes, c.across);
  c.regression->across = c.across;
  return c;
}

static void coder_free(struct coder *c) {
  memory_free(&c->modes);
  memory_free(&c->across);
  memory_free(&c->block);
  memory_free(&c->weighted);
  memory_free(&c->sums);
  memory_free(&c->matrix);
  pod_regression_destroy(&c->regression);
}

static double weight_of(const real *w, size_t entry) { return w == NULL ? 1.0 : (double)w[entry]; }

// U^T W U of all samples with the weights w.
static void find_matrix(struct coder *c, const real *w) {
  memset(c->matrix, 0, c->active * c->columns * sizeof *c->matrix);
  for (size_t entry = 0; entry < c->pod->n; entry += CHAIN) {
    const size_t entries = least(CHAIN, c->pod->n - entry);
    const double *modes = c->modes + entry * c->columns;
    for (size_t j = 0; j < entries; j++)
      for (size_t k = 0; k < c->columns; k++)
        c->weighted[j * c->columns + k] = weight_of(w, entry + j) * modes[j * c->columns + k];
    dense_multiply(&(struct dense_product){.rows = c->active,
                                           .depth = entries,
                                           .columns = c->columns,
                                           .a = modes,
                                           .row_step = 1,
                                           .depth_step = c->columns,
                                           .b = c->weighted,
                                           .b_stride = c->columns,
                                           .c = c->matrix,
                                           .c_stride = c->columns});
  }
  double *matrix = c->regression->matrix;
  for (size_t i = 0; i < c->active; i++)
    for (size_t j = 0; j <= i; j++) matrix[i * c->active + j] = c->matrix[i * c->columns + j];
}

// sums = U^T W (y - mean) of up to BAND samples with the same weights.
static void project(struct coder *c, size_t count, const real *y, const real *w) {
  const struct pod *pod = c->pod;
  memset(c->sums, 0, count * c->columns * sizeof *c->sums);
  for (size_t entry = 0; entry < pod->n; entry += CHAIN) {
    const size_t entries = least(CHAIN, pod->n - entry);
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < entries; j++)
        c->block[i * CHAIN + j] =
            weight_of(w, entry + j) *
            ((double)y[i * pod->stride + entry + j] - (double)pod->mean[entry + j]);
    dense_multiply(&(struct dense_product){.rows = count,
                                           .depth = entries,
                                           .columns = c->columns,
                                           .a = c->block,
                                           .row_step = CHAIN,
                                           .depth_step = 1,
                                           .b = c->modes + entry * c->columns,
                                           .b_stride = c->columns,
                                           .c = c->sums,
                                           .c_stride = c->columns});
  }
}

static void store(const struct coder *c, const double *code, real *z) {
  memset(z, 0, real_padded(c->pod->d) * sizeof *z);
  for (size_t k = 0; k < c->active; k++) z[k] = (real)(code[k] / c->pod->s[k]);
}

static void encode_by_least_squares(struct coder *c, size_t count, const real *y, const real *w,
                                    real *z) {
  const size_t stride = c->pod->stride, bytes = stride * sizeof *w;
  for (size_t first = 0, next; first < count; first = next) {
    const real *own = w == NULL ? NULL : w + first * stride;
    next = first + 1;
    while (next < count && (w == NULL || memcmp(own, w + next * stride, bytes) == 0)) next++;
    find_matrix(c, own);
    for (size_t i = first; i < next; i += BAND) {
      const size_t band = least(BAND, next - i);
      project(c, band, y + i * stride, own);
      for (size_t k = 0; k < band; k++) {
        pod_regression_solve(c->regression, c->sums + k * c->columns);
        store(c, c->sums + k * c->columns, z + (i + k) * real_padded(c->pod->d));
      }
    }
  }
}

// Begins where the logit of the data would be decoded best.
static void encode_by_descent(struct coder *c, const real *y, const real *w, real *z) {
  struct pod_regression *r = c->regression;
  double *code = c->sums;
  double weights = 0.0, there = 0.0;
  memset(code, 0, c->columns * sizeof *code);
  for (size_t j = 0; j < c->pod->n; j++) {
    r->t[j] = pod_regression_target((double)y[j]);
    r->w[j] = weight_of(w, j);
    weights += r->w[j];
    there += r->w[j] > 0.0;
    const double logit = pod_regression_logit((double)y[j]) - (double)c->pod->mean[j];
    for (size_t k = 0; k < c->active; k++)
      code[k] += r->w[j] * logit * c->modes[j * c->columns + k];
  }
  code[c->active] = 1.0;
  r->ridge = there > 0.0 ? pod_regression_ridge * weights / there : 0.0;
  pod_regression_minimise(r, code);
  store(c, code, z);
}

void pod_encode(const struct pod *pod, size_t count, const real *y, const real *w, real *z) {
  struct coder coder = coder_create(pod);
  if (pod->loss == LOSS_MSE) encode_by_least_squares(&coder, count, y, w, z);
  for (size_t i = 0; i < count && pod->loss == LOSS_BCE; i++)
    encode_by_descent(&coder, y + i * pod->stride, w == NULL ? NULL : w + i * pod->stride,
                      z + i * real_padded(pod->d));
  coder_free(&coder);
}

void pod_decode(const struct pod *pod, size_t count, const real *z, real *x) {
  double *row = memory_new(double, pod->n);
  for (size_t i = 0; i < count; i++, x += pod->stride, z += real_padded(pod->d)) {
    for (size_t j = 0; j < pod->n; j++) row[j] = (double)pod->mean[j];
    for (size_t k = 0; k < pod->d && pod->s[k] > 0.0; k++) {
      const double part = pod->s[k] * (double)z[k];
      const real *mode = pod->modes + k * pod->stride;
      for (size_t j = 0; j < pod->n; j++) row[j] += part * (double)mode[j];
    }
    for (size_t j = 0; j < pod->stride; j++) x[j] = j < pod->n ? (real)row[j] : 0;
  }
  memory_free(&row);
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
