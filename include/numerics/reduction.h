// Sums over samples that have the same bits for any number of ranks and any placement.
//
// A floating-point sum depends on its order unless none of its partial sums is rounded. Each
// summand is therefore rounded to a multiple of a common power of two, large enough that the whole
// sum fits: for parameter gradients, into the 53 bits of a double (pre-rounding, as in Demmel and
// Nguyen 2015). What is rounded must not depend on the ranks: it is the parameter gradient of a
// tile. Losses, of which there are few, are summed without any rounding.
#ifndef GFE_REDUCTION_H
#define GFE_REDUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/ranks.h"
#include "ground/real.h"
#include "ground/state.h"

// The sum of `count` values on each rank (counts may differ or be 0) over all ranks. A value that
// is not finite makes the sum NaN. Exact except for a final rounding (exact_sum.h). Collective.
double reduction_sum(const struct ranks *ranks, const double *values, size_t count);

// The sum of parameter gradients over tiles. The parameters come in blocks (a layer's weights, its
// biases), each with a power of two that bounds its summands; the bounds are carried from step to
// step with room to grow, so that a step needs one Allreduce of the sums, after a small one of the
// exponents. If a summand exceeds its bound, all ranks are told, the bounds are raised, and the
// caller adds its tiles again:
//
//   do {
//     reduction_begin(r, summands);
//     for some tiles of this rank at a time: reduction_add(r, count, gradients);
//   } while (!reduction_finish(r, ranks, NULL, factor, gradient));
struct reduction;  // owned by the caller of reduction_create()

// For `blocks` blocks of sizes[b] parameters each, one after the other.
struct reduction *reduction_create(size_t blocks, const size_t *sizes);
void reduction_destroy(struct reduction **reduction);

// From now on this rank receives only its share of a sum, `count` parameters (ranks_sum_share()
// knows which); reduction_finish() fills that many. To be called on all ranks.
void reduction_want_share(struct reduction *reduction, size_t count);

// Begins a sum of at most `summands` gradients in all, over all ranks.
void reduction_begin(struct reduction *reduction, int64_t summands);

// Adds the gradients of `count` tiles, one after the other in memory. Each is rounded to 2^-48
// times the number of summands, relative to the largest in its block.
void reduction_add(struct reduction *reduction, size_t count, const real *gradients);

// The growing sum of a block, for code that adds what it has just computed: sum += x, rounded to a
// multiple of `unit`, by ((double)x + magic) - magic with magic = 1.5 2^52 units. Plain data, owned
// by the reduction.
struct reduction_block {
  size_t size;
  double *sum;  // [size]
  bool begun;   // otherwise the contents of `sum` count as 0
  double magic;
  real_bits largest;  // magnitude of a summand so far, as an integer
  int64_t left;       // summands that may still be added
};

// The block that begins at parameter `start`, to which each rank may add `summands` more.
struct reduction_block *reduction_block(struct reduction *reduction, size_t start,
                                        int64_t summands);

// Adds a block's part of one gradient.
void reduction_add_block(struct reduction *reduction, size_t start, const real *x);

enum { REDUCTION_OTHERS = 8 };

// Combines the ranks. True: `sum` holds the sum of all gradients, times `factor`; it is NaN
// throughout if a summand was not finite. False: begin again. `others` (or NULL) are numbers of the
// caller, at most REDUCTION_OTHERS, whose maxima are found in the same message as those of the
// exponents, in either case. Collective.
bool reduction_finish(struct reduction *reduction, const struct ranks *ranks,
                      const struct ranks_numbers *others, double factor, real *sum);

// Whether all summands of the last sum were finite, on any rank.
bool reduction_is_finite(const struct reduction *reduction);

// Adds what determines later sums to a state, as /training/NAME: one exponent per block.
void reduction_state(struct reduction *reduction, const char *name, struct state *state);

#endif
