// Which rank takes the flow of which sample of a batch, by what the flows are expected to cost. It
// decides how long a step takes, and no bit of what is computed.
#ifndef GFE_BALANCE_H
#define GFE_BALANCE_H

#include <stdint.h>

// rank_of[0 ... count - 1]: of flows that cost costs[0 ... count - 1] (less than 1 counts as 1). As
// long as each rank has many flows, it gets neighbours, cut so that the sums of their costs are
// even. Few flows cannot be cut evenly: they are dealt out one by one, the dearest first, each to
// the rank that has least (the LPT rule: at most 4/3 of the best assignment, and usually a few per
// cent; Graham 1969).
void balance_flows(int64_t count, const int64_t *costs, int ranks, int *rank_of);

#endif
