// The Gauss-Newton matrix of the loss at a latent: the Hessian in z that the loss has there for a
// sample which the decoder reproduces exactly. As there is no residual, it is J^T W J with the
// decoder's Jacobian J and the second derivatives W of the loss in the decoder's output, in units
// of the loss: times 2 / n for mse, 1 / n for bce. All entries of the sample count.
#ifndef GFE_GAUSS_NEWTON_H
#define GFE_GAUSS_NEWTON_H

#include "decoder/decoder.h"
#include "ground/real.h"

struct gauss_newton;  // work space; owned by the caller of gauss_newton_create()

// For `decoder` (borrowed), in sweeps of `rows` rows at most.
struct gauss_newton *gauss_newton_create(const struct decoder *decoder, size_t rows);
void gauss_newton_destroy(struct gauss_newton **work);
size_t gauss_newton_bytes(const struct decoder *decoder, size_t rows);

// Adds the matrix at z [real_padded(d)] to sum [d][d].
void gauss_newton_add(struct gauss_newton *work, const real *z, double *sum);

#endif
