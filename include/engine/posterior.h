// What is known of the latents of new samples besides their loss: the prior, from the trained
// latents, and how large errors of entries are, from evaluation.noise and what training could not
// explain. Flows that take both end at the maximum a posteriori latent.
#ifndef GFE_POSTERIOR_H
#define GFE_POSTERIOR_H

#include "decoder/prior.h"
#include "engine/run.h"
#include "engine/samples.h"

struct posterior {
  struct samples samples;  // as the flows take them, borrowing from here and from the set
  double variance;         // of an entry's error where samples.w is 1; 1 for bce
  struct prior *prior;     // owned; NULL: none
  // Where errors of entries differ, weights divided by the errors' variances in units of
  // `variance`: [count][real_padded(n)], [count]; owned, else NULL.
  real *w;
  double *weight_sum;
};

// Whether flows of a set take a prior, which only those of test and new data do. With `auto` where
// entries are missing. Collective.
bool posterior_wanted(struct run *run, enum set set);

// Whether the same will hold for any set, as far as sets are loaded. Collective.
bool posterior_is_needed(struct run *run);

// What is known of the samples of a set. The dictionary is fitted if it is not there. NULL without
// trained latents, or, with a warning, if all of these are the same. With `informative` false there
// is no prior, and only variances and weights count. Owned by the caller. Collective.
struct posterior *posterior_create(struct run *run, enum set set, const struct samples *samples,
                                   bool informative);
void posterior_destroy(struct posterior **posterior);

// The prior of a dictionary; NULL if its covariance is singular. Owned by the caller.
struct prior *posterior_prior(const struct dictionary *dictionary, double variance);

// Bytes of weights and of how sure latents are, of the largest set at hand; 0 where neither is
// kept.
double posterior_bytes(const struct run *run);

// Whether evaluation.prior, noise and uncertainty fit the decoder and the sets at hand; before any
// data are read.
void posterior_check(const struct run *run, struct error *error);

#endif
