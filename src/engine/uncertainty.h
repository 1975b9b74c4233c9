// The uncertainty of a latent, by Laplace's approximation with the Gauss-Newton Hessian (MacKay
// 1992): with J = dD/dz, by forward tangents, and W the weights of entries divided by the variances
// of their errors,
//
//   C = (J^T W J + P)^-1,
//
// with P the precision of the prior, is the covariance of the latent; J C J^T is that of the
// decoder's output. Both are exact for a linear decoder and mse.
#ifndef GFE_UNCERTAINTY_H
#define GFE_UNCERTAINTY_H

#include <stdbool.h>

#include "engine/samples.h"

struct uncertainty;  // work space, owned by the caller of uncertainty_create()

// For samples, with their prior, and the decoder of their entries, those of weight 1 with an error
// of `variance` (all borrowed), in sweeps of up to `rows` rows.
struct uncertainty *uncertainty_create(const struct decoder *decoder, const struct samples *samples,
                                       double variance, size_t rows);
void uncertainty_destroy(struct uncertainty **uncertainty);

// Takes up sample i at its latent z [real_padded(d)] and returns C [d][d] (borrowed, until the next
// sample); NaN if J^T W J + P is not positive definite.
const double *uncertainty_of(struct uncertainty *uncertainty, int64_t i, const real *z);

// The standard deviations of its reconstruction, in scaled units, into x [real_padded(n)], with
// zeros in the padding: of the decoder's output as data (loss_output()).
void uncertainty_of_output(const struct uncertainty *uncertainty, real *x);

// The reconstruction itself [real_padded(n)], as data (borrowed, until the next sample).
const real *uncertainty_output(const struct uncertainty *uncertainty);

// |C|^(1/2) in units of that of the sample for which `is_unit` was last set; NaN if C is. `unit`
// [d] keeps what is needed for it.
double uncertainty_volume(const struct uncertainty *uncertainty, bool is_unit, double *unit);

#endif
