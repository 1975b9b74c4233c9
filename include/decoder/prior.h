// A Gaussian prior of latents, N(mean, covariance), and what it adds to the loss of a sample.
// Combined with the likelihood of the observed entries, it turns the end of the flow into the
// maximum a posteriori latent:
//
//   objective = loss + (variance / weight_sum) (z - mean)^T covariance^-1 (z - mean),
//
// where `variance` is the variance of an entry's error for mse, and 1/2 for bce (see
// src/decoder/README.md, "A prior of the latent").
#ifndef GFE_PRIOR_H
#define GFE_PRIOR_H

#include <stddef.h>

#include "ground/real.h"

struct prior {
  size_t d;
  double variance;    // in units of the loss
  double *mean;       // [d], owned
  double *precision;  // [d][d], covariance^-1, owned
};

// From the mean [d] and the lower triangle of the covariance [d][d]; NULL if the covariance is not
// positive definite. Owned by the caller.
struct prior *prior_create(size_t d, const double *mean, const double *covariance, double variance);
void prior_destroy(struct prior **prior);

// (z - mean)^T covariance^-1 (z - mean).
double prior_distance2(const struct prior *prior, const real *z);

// What the prior adds for one sample to the objective's value, which is returned, to its gradient
// at z, and to the product of its Hessian with v; `gradient` and `product` are [d].
double prior_value(const struct prior *prior, double weight_sum, const real *z);
void prior_add_gradient(const struct prior *prior, double weight_sum, const real *z,
                        real *gradient);
void prior_add_product(const struct prior *prior, double weight_sum, const real *v, real *product);

#endif
