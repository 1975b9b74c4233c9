// Quantiles of numbers distributed over many ranks, without gathering them.
#ifndef GFE_QUANTILE_H
#define GFE_QUANTILE_H

#include <stddef.h>

#include "ground/ranks.h"

// The q-quantile, 0 <= q <= 1, of all ranks' values: the number at place q (N - 1) of the N sorted
// ones, between two neighbours by linear interpolation (definition 7 of Hyndman and Fan 1996, as
// NumPy's). Each rank gives its `count` values (it may have none) in ascending order; none may
// be negative, -0 or NaN. The same bits for any placement; NaN if there is no value. Collective.
double quantile(const struct ranks *ranks, const double *rising, size_t count, double q);

#endif
