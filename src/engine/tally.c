#include "engine/tally.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void tally_clear(struct tally *tally) { memset(tally, 0, sizeof *tally); }

// The first power of two that has bins of its own: 2^12 = TALLY_EXACT.
enum { FIRST_POWER = 12 };
_Static_assert(1 << FIRST_POWER == TALLY_EXACT, "the bins join");
_Static_assert(TALLY_BINS == TALLY_EXACT + (63 - FIRST_POWER) * TALLY_FINE, "all of int64_t");

static int64_t bin_of(int64_t evaluations) {
  if (evaluations < TALLY_EXACT) return evaluations;
  const int power = 63 - __builtin_clzll((unsigned long long)evaluations);
  const int64_t fine = (evaluations - (INT64_C(1) << power)) >> (power - 5);
  return TALLY_EXACT + (power - FIRST_POWER) * TALLY_FINE + fine;
}

// The largest number of evaluations that a bin takes.
static int64_t end_of_bin(int64_t bin) {
  if (bin < TALLY_EXACT) return bin;
  const int power = FIRST_POWER + (int)(bin - TALLY_EXACT) / TALLY_FINE;
  const int64_t fine = (bin - TALLY_EXACT) % TALLY_FINE;
  return (INT64_C(1) << power) - 1 + ((fine + 1) << (power - 5));
}

void tally_add(struct tally *tally, const struct encoding *encoding, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t evaluations = encoding->evaluations[i];
    if (evaluations == 0) continue;  // of a sample that was left out
    assert(encoding->status[i] >= 0 && encoding->status[i] < STATUS_COUNT && evaluations >= 0);
    tally->samples++;
    tally->evaluations += evaluations;
    tally->statuses[encoding->status[i]]++;
    tally->histogram[bin_of(evaluations)]++;
    if (evaluations > tally->largest) tally->largest = evaluations;
  }
}

void tally_combine(struct tally *tally, struct comm *comm) {
  int64_t largest = tally->largest;
  comm_max_int64(comm, &largest, 1);
  comm_sum_int64(comm, (int64_t *)tally, sizeof *tally / sizeof(int64_t));
  tally->largest = largest;
}

void tally_fold(struct tally *tally, struct comm *comm) {
  tally_combine(tally, comm);
  if (comm_rank(comm) != 0) tally_clear(tally);
}

void tally_state(struct tally *tally, const struct comm *comm, struct state *state) {
  assert(comm_rank(comm) == 0 || tally->samples == 0);
  const int64_t count = (int64_t)(sizeof *tally / sizeof(int64_t));
  state_add(
      state,
      (struct state_field){
          .group = "training",
          .name = "tally",
          .text = "samples, evaluations, their maximum, statuses and histogram of the epoch so far",
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
  if (p == 1.0) return tally->largest;
  for (; bin < TALLY_BINS - 1; bin++) {
    seen += tally->histogram[bin];
    if (seen >= wanted) break;
  }
  const int64_t end = end_of_bin(bin);
  return end < tally->largest ? end : tally->largest;
}

int64_t tally_not_converged(const struct tally *tally) {
  return tally->samples - tally->statuses[STATUS_CONVERGED] - tally->statuses[STATUS_TAU];
}
