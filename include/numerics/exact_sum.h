// Sums of doubles that are not rounded until they are complete, and so have the same bits in any
// order: a fixed-point number with bits for all places that a double can have (Kulisch 2013),
// stored as integers that can be added up over ranks one by one.
#ifndef GFE_EXACT_SUM_H
#define GFE_EXACT_SUM_H

#include <stddef.h>
#include <stdint.h>

enum { EXACT_LIMBS = 67 };  // for 2098 bits, and for carries of 2^30 summands

// All bytes zero is the empty sum. Limb i counts units of 2^(32 i - 1074).
struct exact_sum {
  int64_t limbs[EXACT_LIMBS];
  int64_t nonfinite;  // summands that are infinite or NaN
};
enum { EXACT_NUMBERS = sizeof(struct exact_sum) / sizeof(int64_t) };

void exact_sum_add(struct exact_sum *sum, double x);

// Propagates carries, without changing the sum, so that another 2^30 summands may be added, and
// 2^30 such sums added up.
void exact_sum_carry(struct exact_sum *sum);

// The double that is closest to the sum (ties to even); NaN if a summand was not finite.
double exact_sum_value(const struct exact_sum *sum);

#endif
