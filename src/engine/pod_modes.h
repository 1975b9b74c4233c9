// The leading modes of samples: eigenvectors of their covariance, or of the matrix of their scalar
// products if there are fewer samples than entries.
#ifndef GFE_POD_MODES_H
#define GFE_POD_MODES_H

#include "engine/pod_samples.h"

// modes [d][n]: orthonormal, the largest entry (the first of several) positive, 0 if there are more
// modes than entries; s [d]: standard deviations of the samples along them, descending, 0 from the
// point where the samples no longer vary. Collective.
void pod_modes_find(const struct pod_samples *samples, size_t d, double *modes, double *s);

// Makes rows [d][n] orthonormal one after another (Gram-Schmidt, twice). A row of which nothing is
// left, or that is marked by s = 0, is replaced by one that is orthogonal to all earlier ones.
void pod_modes_orthonormalise(size_t d, size_t n, double *rows, double *s);

// Bytes of work space in addition to the samples; `total` samples of n entries.
double pod_modes_bytes(double total, size_t n, size_t d);

#endif
