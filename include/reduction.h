// Sums over samples that have the same bits for any number of ranks and any placement.
//
// A floating-point sum depends on its order; a sum of integers does not. Each summand is therefore
// rounded to a multiple of one agreed power of two and summed in 64 bits (the idea of MOM6's
// extended fixed point). What is rounded must not depend on the ranks: a sample's loss, or the
// parameter gradient of a tile.
#ifndef GFE_REDUCTION_H
#define GFE_REDUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "comm.h"
#include "real.h"
#include "state.h"

// Sum over all ranks of `count` values on each (counts may differ or be 0). A value that is not
// finite makes the sum NaN. Relative to the largest value, each is rounded to 2^-62 times the
// number of values. Collective.
double reduction_sum(struct comm *comm, const double *values, size_t count);

// The sum of parameter gradients over tiles. The parameters come in blocks (a layer's weights, its
// biases), each with a power of two that bounds its summands; the bounds are carried from step to
// step with room to grow, so that a step needs one Allreduce. If a summand exceeds its bound, all
// ranks learn it, the bounds are raised, and the caller adds its tiles anew:
//
//   do {
//     reduction_begin(r, summands);
//     for each tile of this rank: reduction_add(r, gradient);
//   } while (!reduction_finish(r, comm, gradient));
struct reduction;  // owned by the caller of reduction_create()

// For `blocks` blocks of sizes[b] parameters each, one after the other.
struct reduction *reduction_create(size_t blocks, const size_t *sizes);
void reduction_destroy(struct reduction **reduction);

// Begins a sum of at most `summands` gradients in all, over all ranks.
void reduction_begin(struct reduction *reduction, int64_t summands);

// Adds one tile's gradient.
void reduction_add(struct reduction *reduction, const real *gradient);

// Combines the ranks. True: `sum` holds the sum of all gradients, times `factor`; it is NaN
// throughout if a summand was not finite. False: begin again. Collective.
bool reduction_finish(struct reduction *reduction, struct comm *comm, double factor, real *sum);

// Adds what decides later sums to a state: one exponent per block.
void reduction_state(struct reduction *reduction, struct state *state);

#endif
