// Hessians of samples' losses in z, column by column, and metrics of them: first guesses of the
// inverse Hessian, for solvers that take one.
#ifndef GFE_CURVATURE_H
#define GFE_CURVATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/decoder.h"
#include "decoder/objective.h"

struct curvature;  // owned by the caller of curvature_create()

// For `decoder` (borrowed), in sweeps of half of `rows` columns at most: with its tangent a row
// takes twice the space.
struct curvature *curvature_create(const struct decoder *decoder, size_t rows);
void curvature_destroy(struct curvature **curvature);
size_t curvature_bytes(const struct decoder *decoder, size_t rows);

// The Hessian at z [real_padded(d)] of a sample's loss into [d][real_padded(d)].
void curvature_hessian(struct curvature *curvature, const struct objective_row *sample,
                       const real *z, real *hessian);

// The inverse of a symmetric matrix a [d][d] (destroyed), with `ridge` times its mean diagonal
// added, into metric [d][real_padded(d)]. False if that is not positive definite; the metric then
// stays.
bool curvature_invert(size_t d, double *a, double ridge, real *metric);

#endif
