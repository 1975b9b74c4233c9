// Upper bounds of inner products of long vectors from short ones. Orthonormal directions V split
// x into its components V x and a rest x', and likewise y, so that
//
//   y . x = (V y) . (V x) + y' . x'  <=  (V y) . (V x) + |y'| |x'|      (Cauchy-Schwarz).
//
// The components and the length of the rest make up the short vector; the product of two of them
// is the bound. It is close where vectors lie near a space of few dimensions, as fields do.
#ifndef GFE_PROJECTION_H
#define GFE_PROJECTION_H

#include <stddef.h>

#include "ground/real.h"

enum { PROJECTION_TERMS = 32 };  // numbers of a short vector

struct projection;  // owned by the caller of projection_create()

// The directions span the first finite rows of x [count][real_padded(n)], as many as a short vector
// has components; in place of rows that depend on earlier ones, or are missing, there are others. A
// vector must have more entries than there are directions.
struct projection *projection_create(size_t n, size_t count, const real *x);
void projection_destroy(struct projection **projection);

// Replaces rows [count][real_padded(n)] by short vectors [count][PROJECTION_TERMS]. Lengths of
// rests are increased by some 0.003 |y| at the most, so that rounding makes no product smaller than
// what it bounds.
void projection_shorten(const struct projection *projection, size_t count, const real *rows,
                        real *shorter);

#endif
