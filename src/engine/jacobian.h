// The decoder's output at a latent and its derivatives along the axes of latents, by d forward
// tangents; and the matrix of Gauss and Newton that follows, the Hessian of the loss of a sample
// that is decoded exactly.
#ifndef GFE_JACOBIAN_H
#define GFE_JACOBIAN_H

#include "decoder/decoder.h"
#include "ground/real.h"

struct jacobian {
  const struct decoder *decoder;  // borrowed
  size_t rows;                    // of a pass
  struct network_tangent *pass;
  real *x;        // [real_padded(n)] the output as data: of bce the mean, not the logit
  real *columns;  // [d][real_padded(n)] derivatives of the decoder's output, of bce the logit
};

// For `decoder` (borrowed), in passes of `rows` rows at most. Owned by the caller.
struct jacobian *jacobian_create(const struct decoder *decoder, size_t rows);
void jacobian_destroy(struct jacobian **jacobian);
size_t jacobian_bytes(const struct decoder *decoder, size_t rows);

// Fills x and columns at z [real_padded(d)].
void jacobian_find(struct jacobian *jacobian, const real *z);

// The second derivative of the loss of entry k by the decoder's output, where that is x: 1 for mse
// (whose loss is taken by half), p (1 - p) for bce.
double jacobian_curvature(const struct jacobian *jacobian, size_t k);

#endif
