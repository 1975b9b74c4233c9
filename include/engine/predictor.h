// A linear guess of a sample's latent, z0(y) = mean_latent + matrix (y - mean_sample): the ridge
// regression of the latents of some samples on their entries (Hoerl and Kennard 1970). A flow that
// begins there is already halfway to its end. Missing entries (weight 0) count as the mean. With it
// comes a metric, the inverse of the mean Hessian of the loss at the latents of such samples, which
// lbfgs uses for its first steps.
#ifndef GFE_PREDICTOR_H
#define GFE_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ensemble.h"
#include "ground/ranks.h"
#include "ground/real.h"

struct predictor {
  size_t d, n;
  real *mean_latent;  // [d], this and the others owned
  real *mean_sample;  // [n]
  real *matrix;       // [d][n]
  real *metric;       // [d][real_padded(d)], or NULL
};

// A predictor with all numbers zero.
struct predictor *predictor_create(size_t d, size_t n);
void predictor_destroy(struct predictor **predictor);

// The regression on `samples`, whose latents are z [samples->count][real_padded(d)]; the samples of
// all ranks are taken in the order of the ranks. With m of them in all, it takes 8 m^2 bytes of
// work space. The same bits for any distribution. No metric yet. Collective.
struct predictor *predictor_fit(const struct ranks *ranks, const struct samples *samples, size_t d,
                                size_t n, const real *z);

// Adds the metric to a predictor: `hessians` [count][d][real_padded(d)] are those of this rank's
// samples. It stays NULL if their mean is not positive definite. The same bits for any
// distribution. Collective.
void predictor_add_metric(struct predictor *predictor, const struct ranks *ranks, int64_t count,
                          const real *hessians);

// Gives all ranks the predictor of rank 0. Collective.
void predictor_broadcast(struct predictor *predictor, const struct ranks *ranks);

// A checksum of everything that determines its guesses; never 0.
uint64_t predictor_checksum(const struct predictor *predictor);

// Lets the flows that are still to run (STATUS_RUNNING) begin at z0, with the metric (borrowed).
void predictor_apply(const struct predictor *predictor, const struct samples *samples,
                     struct encoding *encoding);

#endif
