// Sums of doubles that are not rounded until they are complete, and so have the same bits in any
// order: a fixed-point number of as many bits as a double can have places (Kulisch 2013), kept as
// integers that may be added up over ranks one by one.
#ifndef GFE_EXACT_SUM_H
#define GFE_EXACT_SUM_H

#include <stddef.h>
#include <stdint.h>

enum { EXACT_LIMBS = 67 };  // for 2098 bits, and for carries of 2^30 summands

// Zero bytes are the sum of nothing. Limb i counts units of 2^(32 i - 1074).
struct exact_sum {
  int64_t limbs[EXACT_LIMBS];
  int64_t nonfinite;  // summands that are infinite or NaN
};
enum { EXACT_NUMBERS = sizeof(struct exact_sum) / sizeof(int64_t) };

void exact_sum_add(struct exact_sum *sum, double x);

// Makes room for as many summands again, and for 2^30 sums that are added up, without changing the
// sum.
void exact_sum_carry(struct exact_sum *sum);

// The double that is closest to the sum (ties to even); NaN if a summand was not finite.
double exact_sum_value(const struct exact_sum *sum);

#endif
