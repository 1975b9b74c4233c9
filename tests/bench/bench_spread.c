// How evenly flows would be distributed over many ranks: bench_spread RANKS BATCH reads from stdin,
// for each sample of a pass, the evaluations that its flow took in the previous pass and in this
// one, and prints means over the batches, relative to the best assignment: the largest share of
// evaluations on a rank; the longest time, if the rows of a rank's flows share sweeps through the
// weights; and the largest share if nothing is known of this pass's counts except their
// distribution.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/balance.h"
#include "ground/memory.h"
#include "ground/rng.h"

enum { SHUFFLES = 100 };

// Of the rank that has most.
struct most {
  double evaluations, time;
  int idle;  // ranks without work
};

// If flows that take `taken` evaluations are distributed by `expected`.
static struct most spread(int64_t count, const int64_t *expected, const int64_t *taken, int ranks) {
  int *rank_of = memory_new(int, count);
  int64_t *sums = memory_new(int64_t, ranks), *longest = memory_new(int64_t, ranks);
  struct most most = {.idle = 0};
  balance_flows(count, expected, ranks, rank_of);
  for (int64_t i = 0; i < count; i++) {
    const int r = rank_of[i];
    sums[r] += taken[i];
    if (taken[i] > longest[r]) longest[r] = taken[i];
  }
  for (int r = 0; r < ranks; r++) {
    // A sweep of one row takes about half as long as one of twelve.
    const double time = 0.5 * (double)longest[r] + (double)sums[r] / 24.0;
    most.evaluations = fmax(most.evaluations, (double)sums[r]);
    most.time = fmax(most.time, time);
    most.idle += sums[r] == 0;
  }
  memory_free(&rank_of);
  memory_free(&sums);
  memory_free(&longest);
  return most;
}

static void shuffle(int64_t count, int round, int64_t *values) {
  for (int64_t i = count - 1; i > 0; i--) {
    const double u = rng_uniform(1, RNG_TEST, (uint64_t)round, (uint64_t)i);
    const int64_t k = (int64_t)(u * (double)(i + 1)), value = values[i];
    values[i] = values[k];
    values[k] = value;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int ranks = atoi(argv[1]);
  const int64_t batch = atoll(argv[2]);
  int64_t *before = memory_new(int64_t, batch), *now = memory_new(int64_t, batch);
  int64_t *unknown = memory_new(int64_t, batch), count = 0, batches = 0;
  double evaluations = 0.0, time = 0.0, shuffled = 0.0;
  int idle = 0;
  long long a, b;
  while (scanf("%lld %lld", &a, &b) == 2) {
    before[count] = a;
    now[count++] = b;
    if (count < batch) continue;
    const struct most best = spread(batch, now, now, ranks);
    const struct most found = spread(batch, before, now, ranks);
    evaluations += found.evaluations / best.evaluations;
    time += found.time / best.time;
    idle += found.idle;
    for (int round = 0; round < SHUFFLES; round++) {
      shuffle(batch, round, now);
      shuffled += spread(batch, unknown, now, ranks).evaluations / best.evaluations / SHUFFLES;
    }
    count = 0;
    batches++;
  }
  const double batches_read = (double)batches;
  printf("| spread | %.3f |\n| time | %.3f |\n| shuffled | %.3f |\n| idle | %d |\n",
         evaluations / batches_read, time / batches_read, shuffled / batches_read, idle);
  memory_free(&before);
  memory_free(&now);
  memory_free(&unknown);
  return 0;
}
