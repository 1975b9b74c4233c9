#include "engine/uncertainty.h"

#include <math.h>
#include <string.h>

#include "engine/jacobian.h"
#include "ground/memory.h"
#include "numerics/dense.h"

struct uncertainty {
  const struct decoder *decoder;
  const struct samples *samples;
  double variance;  // of an entry of weight 1
  struct jacobian *jacobian;
  double *curvature;   // [real_padded(n)] of an entry's loss; 1 for mse
  double *factor;      // [d][d] of J^T W J + P
  double *covariance;  // [d][d]
};

struct uncertainty *uncertainty_create(const struct decoder *decoder, const struct samples *samples,
                                       double variance, size_t rows) {
  const size_t d = decoder->d, stride = real_padded(decoder->n);
  struct uncertainty *u = memory_new(struct uncertainty, 1);
  *u = (struct uncertainty){.decoder = decoder,
                            .samples = samples,
                            .variance = variance,
                            .jacobian = jacobian_create(decoder, rows),
                            .curvature = memory_new(double, stride),
                            .factor = memory_new(double, d *d),
                            .covariance = memory_new(double, d *d)};
  return u;
}

void uncertainty_destroy(struct uncertainty **uncertainty) {
  struct uncertainty *u = *uncertainty;
  if (u == NULL) return;
  jacobian_destroy(&u->jacobian);
  memory_free(&u->curvature);
  memory_free(&u->factor);
  memory_free(&u->covariance);
  memory_free(uncertainty);
}

// The second derivative of an entry's loss, and for bce, the same, that of its mean by the logit.
static void find_curvature(struct uncertainty *u) {
  for (size_t k = 0; k < u->decoder->n; k++) u->curvature[k] = jacobian_curvature(u->jacobian, k);
}

static void find_precision(struct uncertainty *u, const real *w) {
  const struct prior *prior = u->samples->prior;
  const size_t d = u->decoder->d, n = u->decoder->n, stride = real_padded(n);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j <= i; j++) {
      const real *a = u->jacobian->columns + i * stride, *b = u->jacobian->columns + j * stride;
      double sum = 0.0;
      for (size_t k = 0; k < n; k++)
        sum += (w == NULL ? 1.0 : (double)w[k]) * u->curvature[k] * (double)a[k] * (double)b[k];
      sum /= u->variance;
      if (prior != NULL) sum += prior->precision[i * d + j];
      u->factor[i * d + j] = sum;
    }
}

const double *uncertainty_of(struct uncertainty *u, int64_t i, const real *z) {
  const struct samples *samples = u->samples;
  const size_t d = u->decoder->d, stride = real_padded(u->decoder->n);
  jacobian_find(u->jacobian, z);
  find_curvature(u);
  find_precision(u, samples->w == NULL ? NULL : samples->w + (size_t)i * stride);
  memset(u->covariance, 0, d * d * sizeof *u->covariance);
  for (size_t k = 0; k < d; k++) u->covariance[k * d + k] = 1.0;
  if (dense_cholesky(d, u->factor))
    dense_cholesky_solve(d, u->factor, d, u->covariance);
  else
    for (size_t k = 0; k < d * d; k++) u->covariance[k] = NAN;
  for (size_t k = 0; k < d; k++)  // symmetric to the last bit
    for (size_t l = 0; l < k; l++) u->covariance[l * d + k] = u->covariance[k * d + l];
  return u->covariance;
}

void uncertainty_of_output(const struct uncertainty *u, real *x) {
  const size_t d = u->decoder->d, n = u->decoder->n, stride = real_padded(n);
  memset(x, 0, stride * sizeof *x);
  for (size_t k = 0; k < n; k++) {
    double sum = 0.0;
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        sum += (double)u->jacobian->columns[i * stride + k] * u->covariance[i * d + j] *
               (double)u->jacobian->columns[j * stride + k];
    x[k] = (real)(u->curvature[k] * sqrt(sum > 0.0 || isnan(sum) ? sum : 0.0));
  }
}

const real *uncertainty_output(const struct uncertainty *u) { return u->jacobian->x; }

double uncertainty_volume(const struct uncertainty *u, bool is_unit, double *unit) {
  const size_t d = u->decoder->d;
  double volume = isnan(u->covariance[0]) ? NAN : 1.0;
  for (size_t k = 0; k < d; k++) {
    const double root = u->factor[k * d + k];  // of the precision's Cholesky factor
    if (is_unit) unit[k] = root;
    volume *= unit[k] / root;
  }
  return volume;
}
