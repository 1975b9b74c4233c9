// The decoder's output at a latent and its derivatives with respect to each latent number, by d
// forward tangents; and the Gauss-Newton matrix that follows from them, which is the Hessian of the
// loss of a sample that is decoded exactly.
#ifndef GFE_JACOBIAN_H
#define GFE_JACOBIAN_H

#include "decoder/decoder.h"
#include "ground/real.h"

struct jacobian {
  const struct decoder *decoder;  // borrowed
  size_t rows;                    // of a pass
  struct network_tangent *pass;
  real *x;        // [real_padded(n)] the output as data: for bce the mean, not the logit
  real *columns;  // [d][real_padded(n)] derivatives of the decoder's output, for bce the logit
};

// For `decoder` (borrowed), in passes of `rows` rows at most. Owned by the caller.
struct jacobian *jacobian_create(const struct decoder *decoder, size_t rows);
void jacobian_destroy(struct jacobian **jacobian);
size_t jacobian_bytes(const struct decoder *decoder, size_t rows);

// Fills x and columns at z [real_padded(d)].
void jacobian_find(struct jacobian *jacobian, const real *z);

// The second derivative of the loss of entry k with respect to the decoder's output, at x: 1 for
// mse (half of whose loss is taken), p (1 - p) for bce.
double jacobian_curvature(const struct jacobian *jacobian, size_t k);

#endif
