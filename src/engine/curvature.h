// Hessians of samples' losses in z, column by column, and metrics derived from them: first guesses
// of the inverse Hessian, for solvers that accept one.
#ifndef GFE_CURVATURE_H
#define GFE_CURVATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/decoder.h"
#include "decoder/objective.h"

struct curvature;  // owned by the caller of curvature_create()

// For `decoder` (borrowed), in sweeps of at most half of `rows` columns, as a row with its tangent
// takes twice the space.
struct curvature *curvature_create(const struct decoder *decoder, size_t rows);
void curvature_destroy(struct curvature **curvature);
size_t curvature_bytes(const struct decoder *decoder, size_t rows);

// The Hessian at z [real_padded(d)] of a sample's loss into [d][real_padded(d)].
void curvature_hessian(struct curvature *curvature, const struct objective_row *sample,
                       const real *z, real *hessian);

// The inverse of a symmetric matrix a [d][d] (destroyed), with `ridge` times its mean diagonal
// added, into metric [d][real_padded(d)]. False if the result is not positive definite; the metric
// is then unchanged.
bool curvature_invert(size_t d, double *a, double ridge, real *metric);

#endif
