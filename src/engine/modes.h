// The maxima of the posterior of samples' latents. Where little of a sample is observed, several
// latents that lie far apart may explain it about equally well. Each maximum counts by Laplace's
// approximation of the probability around it, exp(-objective) |C|^(1/2), and the mixture has the
// mean and the standard deviation of the whole posterior (by the law of total variance).
#ifndef GFE_MODES_H
#define GFE_MODES_H

#include "engine/encoding.h"
#include "engine/posterior.h"
#include "engine/run.h"
#include "engine/uncertainty.h"

struct modes {
  size_t most, d, n;
  int64_t *found;     // [count] modes of a sample, at least 1
  real *z;            // [count][most][real_padded(d)]; the first is the end of the sample's flow
  double *objective;  // [count][most]
};

// By flows from the end that `encoding` has and from the `most` - 1 best entries of the dictionary
// that follow the first one, as ranking_run() finds them. A flow that ends within a tenth of a
// standard deviation of the prior from an earlier end has found the same maximum. The posterior has
// a prior. Owned by the caller. Not collective.
struct modes *modes_find(const struct run *run, const struct posterior *posterior,
                         const struct encoding *encoding, size_t most);
void modes_destroy(struct modes **modes);

// Bytes for the largest set whose samples are new; 0 if modes are not wanted.
double modes_bytes(const struct run *run);

// The mode t of sample i.
const real *modes_latent(const struct modes *modes, int64_t i, size_t t);

// Mean and standard deviations of the reconstruction of sample i over its modes, scaled, into rows
// of real_padded(n). `uncertainty` is of the posterior's samples and of all outputs.
void modes_mix(const struct modes *modes, const struct posterior *posterior,
               struct uncertainty *uncertainty, int64_t i, real *mean, real *deviation);

#endif
