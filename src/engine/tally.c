#include "engine/tally.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void tally_clear(struct tally *tally) { memset(tally, 0, sizeof *tally); }

void tally_add(struct tally *tally, const struct encoding *encoding, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t evaluations = encoding->evaluations[i];
    assert(encoding->status[i] >= 0 && encoding->status[i] < STATUS_COUNT && evaluations >= 0);
    tally->samples++;
    tally->evaluations += evaluations;
    tally->statuses[encoding->status[i]]++;
    tally->histogram[evaluations < TALLY_BINS ? evaluations : TALLY_BINS - 1]++;
  }
}

void tally_combine(struct tally *tally, struct comm *comm) {
  comm_sum_int64(comm, (int64_t *)tally, sizeof *tally / sizeof(int64_t));
}

void tally_fold(struct tally *tally, struct comm *comm) {
  tally_combine(tally, comm);
  if (comm_rank(comm) != 0) tally_clear(tally);
}

void tally_state(struct tally *tally, const struct comm *comm, struct state *state) {
  assert(comm_rank(comm) == 0 || tally->samples == 0);
  const int64_t count = (int64_t)(sizeof *tally / sizeof(int64_t));
  state_add(state, (struct state_field){
                       .group = "training",
                       .name = "tally",
                       .text = "samples, evaluations, statuses and histogram of the epoch so far",
                       .dimension = "bin",
                       .type = STATE_INT64,
                       .data = tally,
                       .shared = true,
                       .total = count,
                       .count = comm_rank(comm) == 0 ? count : 0,
                       .width = 1,
                       .stride = sizeof(int64_t)});
}

double tally_mean(const struct tally *tally) {
  return tally->samples == 0 ? 0.0 : (double)tally->evaluations / (double)tally->samples;
}

int64_t tally_percentile(const struct tally *tally, double p) {
  assert(p >= 0.0 && p <= 1.0);
  const int64_t wanted = (int64_t)ceil(p * (double)tally->samples);
  int64_t seen = 0, bin = 0;
  for (; bin < TALLY_BINS - 1; bin++) {
    seen += tally->histogram[bin];
    if (seen >= wanted) break;
  }
  return bin;
}

int64_t tally_not_converged(const struct tally *tally) {
  return tally->samples - tally->statuses[STATUS_CONVERGED] - tally->statuses[STATUS_TAU];
}
