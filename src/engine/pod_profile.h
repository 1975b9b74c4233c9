// Mean and modes in cases that are not eigenproblems: weights or gaps that differ from sample to
// sample, and cross-entropy. The loss with every sample's code at its own minimum, a function of
// mean and loadings alone (variable projection; Golub and Pereyra 1973), is minimised by L-BFGS in
// the metric of each entry's own curvature: without the memory of L-BFGS this would amount to
// solving alternately for codes and loadings, which takes many times as long.
#ifndef GFE_POD_PROFILE_H
#define GFE_POD_PROFILE_H

#include "decoder/loss.h"
#include "engine/pod_samples.h"

// From modes [d][n] and s [d] of a first fit to those of least loss, with codes of mean 0 and
// covariance 1; samples->mean becomes that of the model. The samples' y must be the data. Returns
// the gradient's length: of the mean loss per entry with respect to mean and loadings. Collective.
double pod_profile_fit(struct pod_samples *samples, enum loss_kind loss, size_t d, double *modes,
                       double *s);

// Bytes of work space; `total` samples of n entries, of which `share` on a rank.
double pod_profile_bytes(double total, double share, size_t n, size_t d);

#endif
