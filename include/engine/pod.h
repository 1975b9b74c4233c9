// Proper orthogonal decomposition of the training samples (Sirovich 1987), the linear decoder with
// which all others are compared: y ~ mean + sum_i s_i z_i u_i, with codes z of mean 0 and
// covariance 1 over the samples. Of all linear decoders it has the smallest mean square error,
// weighted if the weights are the same for all samples. Where weights differ from sample to sample,
// or entries are missing, mean and modes are those of weighted least squares, found by descent. For
// cross-entropy, mean and modes give the logits: logistic PCA with a ridge, likewise found by
// descent.
#ifndef GFE_POD_H
#define GFE_POD_H

#include <stddef.h>

#include "data/dataset.h"
#include "decoder/loss.h"
#include "ground/real.h"
#include "platform/comm.h"

struct run;

// Rows are padded as samples are.
struct pod {
  size_t n, stride, d;  // entries of a sample, real_padded(n), modes
  enum loss_kind loss;
  real *mean;   // [stride], owned like the others
  real *modes;  // [d][stride] u_i: orthonormal (if all samples share their weights, in the metric
                // of these); 0 if there are more modes than entries. The largest entry is positive.
  double *s;    // [d], descending; 0: the samples do not vary along this mode or any later one
};

enum { POD_LOGISTIC_MOST = 1000 };  // evenly spaced samples to which a POD of logits is fitted

// Of the scaled samples run->sets[SET_TRAIN], which must be loaded. The same bits on any number of
// ranks. Memory beside the result: pod_bytes(). Owned by the caller, on every rank. Collective.
struct pod *pod_fit(struct run *run, size_t d);

// The same for any set.
struct pod *pod_fit_set(struct comm *comm, const struct dataset *set, enum loss_kind loss,
                        size_t d);

// An empty POD, to be filled.
struct pod *pod_create(size_t n, enum loss_kind loss, size_t d);
void pod_destroy(struct pod **pod);

// Bytes that a fit takes on a rank in addition to the samples.
double pod_bytes(int ranks, const struct dataset_shape *shape, enum loss_kind loss, size_t d);

#endif
