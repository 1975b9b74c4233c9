// Statistics of a set of encodings: the distribution of gradient evaluations and of statuses.
#ifndef GFE_TALLY_H
#define GFE_TALLY_H

#include <stdint.h>

#include "engine/ensemble.h"
#include "ground/state.h"
#include "platform/comm.h"

// One bin per number of evaluations below TALLY_EXACT; beyond, TALLY_FINE of the same ratio per
// power of two.
enum { TALLY_EXACT = 4096, TALLY_FINE = 32, TALLY_BINS = TALLY_EXACT + 51 * TALLY_FINE };

struct tally {
  int64_t samples, evaluations;  // counts, sums
  int64_t largest;               // number of evaluations
  int64_t statuses[STATUS_COUNT];
  int64_t histogram[TALLY_BINS];
};

void tally_clear(struct tally *tally);

// Counts this rank's `count` encodings.
void tally_add(struct tally *tally, const struct encoding *encoding, int64_t count);

// Adds up the ranks. Collective.
void tally_combine(struct tally *tally, struct comm *comm);

// Adds up the ranks on rank 0 and clears the others, so that more can be counted. Collective.
void tally_fold(struct tally *tally, struct comm *comm);

// Adds the counts to a state, as those of rank 0, which must have all (tally_fold).
void tally_state(struct tally *tally, const struct comm *comm, struct state *state);

double tally_mean(const struct tally *tally);

// The smallest number of evaluations that at least the share `p` of the samples did not exceed:
// exact below TALLY_EXACT and for p = 1, else at most 1 / TALLY_FINE too large.
int64_t tally_percentile(const struct tally *tally, double p);

// Encodings that neither converged nor reached time tau.
int64_t tally_not_converged(const struct tally *tally);

#endif
