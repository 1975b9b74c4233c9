// What is known about the latents of new samples besides their loss: the prior, from the trained
// latents, and the size of the entries' errors, from evaluation.noise and the residual of training.
// Flows that use both end at the maximum a posteriori latent.
#ifndef GFE_POSTERIOR_H
#define GFE_POSTERIOR_H

#include "decoder/prior.h"
#include "engine/run.h"
#include "engine/samples.h"

struct posterior {
  struct samples samples;  // as the flows take them, borrowing from here and from the set
  double variance;         // of an entry's error where samples.w is 1; 1 for bce
  struct prior *prior;     // owned; NULL: none
  // If errors differ between entries: the weights divided by the variances of the errors in units
  // of `variance`: [count][real_padded(n)], [count]; owned, else NULL.
  real *w;
  double *weight_sum;
};

// Whether flows of a set use a prior, which only those of test and new data do; with `auto`, if
// entries are missing. Collective.
bool posterior_wanted(struct run *run, enum set set);

// Whether this will be the case for any of the sets loaded so far. Collective.
bool posterior_is_needed(struct run *run);

// What is known about the samples of a set. Fits the dictionary if it does not exist. NULL without
// trained latents or, with a warning, if these are all the same. With `informative` false there is
// no prior, only variances and weights. Owned by the caller. Collective.
struct posterior *posterior_create(struct run *run, enum set set, const struct samples *samples,
                                   bool informative);
void posterior_destroy(struct posterior **posterior);

// The prior of a dictionary; NULL if its covariance is singular. Owned by the caller.
struct prior *posterior_prior(const struct dictionary *dictionary, double variance);

// Bytes of the weights and uncertainties of the largest set in use; 0 if neither is kept.
double posterior_bytes(const struct run *run);

// Whether evaluation.prior, noise and uncertainty suit the decoder and the sets in use; before any
// data are read.
void posterior_check(const struct run *run, struct error *error);

#endif
