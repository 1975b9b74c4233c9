// Assigns the flows of the samples of a batch to ranks, according to their expected cost. This
// affects how long a step takes, but no bit of what is computed.
#ifndef GFE_BALANCE_H
#define GFE_BALANCE_H

#include <stdint.h>

// rank_of[0 ... count - 1]: of flows that cost costs[0 ... count - 1] (less than 1 counts as 1). If
// each rank has many flows, it gets consecutive ones, divided so that the sums of their costs are
// even. Few flows cannot be divided evenly: they are dealt out one by one, the most expensive
// first, each to the rank with the least work (the LPT rule: at most 4/3 of the best assignment,
// usually a few per cent more; Graham 1969).
void balance_flows(int64_t count, const int64_t *costs, int ranks, int *rank_of);

#endif
