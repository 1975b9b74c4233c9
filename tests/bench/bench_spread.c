// How evenly flows are spread over ranks that are not here: bench_spread RANKS BATCH reads from
// stdin, per sample of a pass, the evaluations that its flow took in the pass before and in this
// one, and prints the largest share of a rank over that of the best assignment, mean over the
// batches.
#include <stdio.h>
#include <stdlib.h>

#include "engine/balance.h"
#include "ground/memory.h"

// The largest sum of `taken` on a rank if flows are spread by `expected`.
static double largest(int64_t count, const int64_t *expected, const int64_t *taken, int ranks,
                      int *idle) {
  int *rank_of = memory_new(int, count);
  int64_t *sums = memory_new(int64_t, ranks), most = 0;
  balance_flows(count, expected, ranks, rank_of);
  for (int64_t i = 0; i < count; i++) sums[rank_of[i]] += taken[i];
  for (int r = 0; r < ranks; r++) {
    if (sums[r] > most) most = sums[r];
    *idle += sums[r] == 0;
  }
  memory_free(&rank_of);
  memory_free(&sums);
  return (double)most;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int ranks = atoi(argv[1]);
  const int64_t batch = atoll(argv[2]);
  int64_t *before = memory_new(int64_t, batch), *now = memory_new(int64_t, batch);
  int64_t *unknown = memory_new(int64_t, batch), count = 0, batches = 0;
  double spread = 0.0, even = 0.0;
  int idle = 0, ignored = 0;
  long long a, b;
  while (scanf("%lld %lld", &a, &b) == 2) {
    before[count] = a;
    now[count++] = b;
    if (count < batch) continue;
    const double best = largest(batch, now, now, ranks, &ignored);
    spread += largest(batch, before, now, ranks, &idle) / best;
    even += largest(batch, unknown, now, ranks, &ignored) / best;
    count = 0;
    batches++;
  }
  printf("| spread | %.3f |\n| even | %.3f |\n| idle | %d |\n", spread / (double)batches,
         even / (double)batches, idle);
  memory_free(&before);
  memory_free(&now);
  memory_free(&unknown);
  return 0;
}
