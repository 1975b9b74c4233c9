#include "engine/balance.h"

#include <stdlib.h>

#include "ground/memory.h"

enum { MANY = 64 };  // flows on a rank: cuts between neighbours are then even to 1 / (2 MANY)

static int64_t cost_of(int64_t cost) { return cost > 1 ? cost : 1; }

// ---- many flows ----

// A flow goes to the rank that contains the middle of its part of the total cost.
static void cut(int64_t count, const int64_t *costs, int ranks, int *rank_of) {
  int64_t total = 0, before = 0;
  for (int64_t i = 0; i < count; i++) total += cost_of(costs[i]);
  for (int64_t i = 0; i < count; before += cost_of(costs[i++])) {
    const double middle = (double)before + 0.5 * (double)cost_of(costs[i]);
    const int rank = (int)(middle * ranks / (double)total);
    rank_of[i] = rank < ranks ? rank : ranks - 1;
  }
}

// ---- few flows ----

struct flow_cost {
  int64_t cost, flow;
};

static int dearest_first(const void *a, const void *b) {
  const struct flow_cost *p = a, *q = b;
  if (p->cost != q->cost) return p->cost < q->cost ? 1 : -1;
  return (p->flow > q->flow) - (p->flow < q->flow);
}

// What a rank has so far.
struct load {
  int64_t cost;
  int rank;
};

static int is_less(struct load a, struct load b) {
  return a.cost < b.cost || (a.cost == b.cost && a.rank < b.rank);
}

// Restores the heap after its first element has grown: moves it down until the smallest is first.
static void sink(struct load *heap, int ranks) {
  const struct load load = heap[0];
  int at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= ranks) break;
    if (child + 1 < ranks && is_less(heap[child + 1], heap[child])) child++;
    if (is_less(load, heap[child])) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = load;
}

static void deal(int64_t count, const int64_t *costs, int ranks, int *rank_of) {
  struct flow_cost *flows = memory_new(struct flow_cost, count);
  struct load *heap = memory_new(struct load, ranks);
  for (int64_t i = 0; i < count; i++)
    flows[i] = (struct flow_cost){.cost = cost_of(costs[i]), .flow = i};
  qsort(flows, (size_t)count, sizeof *flows, dearest_first);
  for (int r = 0; r < ranks; r++) heap[r].rank = r;
  for (int64_t i = 0; i < count; i++) {
    rank_of[flows[i].flow] = heap[0].rank;
    heap[0].cost += flows[i].cost;
    sink(heap, ranks);
  }
  memory_free(&flows);
  memory_free(&heap);
}

void balance_flows(int64_t count, const int64_t *costs, int ranks, int *rank_of) {
  if (count / ranks >= MANY)
    cut(count, costs, ranks, rank_of);
  else
    deal(count, costs, ranks, rank_of);
}
