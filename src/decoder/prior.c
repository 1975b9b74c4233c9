#include "decoder/prior.h"

#include <string.h>

#include "ground/memory.h"
#include "numerics/dense.h"

struct prior *prior_create(size_t d, const double *mean, const double *covariance,
                           double variance) {
  double *factor = memory_new(double, d *d);
  memcpy(factor, covariance, d * d * sizeof *factor);
  struct prior *prior = NULL;
  if (dense_cholesky(d, factor)) {
    prior = memory_new(struct prior, 1);
    *prior = (struct prior){.d = d,
                            .variance = variance,
                            .mean = memory_new(double, d),
                            .precision = memory_new(double, d *d)};
    memcpy(prior->mean, mean, d * sizeof *mean);
    for (size_t i = 0; i < d; i++) prior->precision[i * d + i] = 1.0;
    dense_cholesky_solve(d, factor, d, prior->precision);
    for (size_t i = 0; i < d; i++)  // symmetric to the last bit
      for (size_t j = 0; j < i; j++) prior->precision[j * d + i] = prior->precision[i * d + j];
  }
  memory_free(&factor);
  return prior;
}

void prior_destroy(struct prior **prior) {
  if (*prior == NULL) return;
  memory_free(&(*prior)->mean);
  memory_free(&(*prior)->precision);
  memory_free(prior);
}

// Component i of covariance^-1 (z - mean).
static double pull(const struct prior *prior, const real *z, size_t i) {
  double sum = 0.0;
  for (size_t j = 0; j < prior->d; j++)
    sum += prior->precision[i * prior->d + j] * ((double)z[j] - prior->mean[j]);
  return sum;
}

double prior_distance2(const struct prior *prior, const real *z) {
  double sum = 0.0;
  for (size_t i = 0; i < prior->d; i++) sum += ((double)z[i] - prior->mean[i]) * pull(prior, z, i);
  return sum;
}

double prior_value(const struct prior *prior, double weight_sum, const real *z) {
  return prior->variance / weight_sum * prior_distance2(prior, z);
}

void prior_add_gradient(const struct prior *prior, double weight_sum, const real *z,
                        real *gradient) {
  const double factor = 2.0 * prior->variance / weight_sum;
  for (size_t i = 0; i < prior->d; i++)
    gradient[i] = (real)((double)gradient[i] + factor * pull(prior, z, i));
}

void prior_add_product(const struct prior *prior, double weight_sum, const real *v, real *product) {
  const double factor = 2.0 * prior->variance / weight_sum;
  for (size_t i = 0; i < prior->d; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < prior->d; j++) sum += prior->precision[i * prior->d + j] * (double)v[j];
    product[i] = (real)((double)product[i] + factor * sum);
  }
}
