#include "numerics/exact_sum.h"

#include <math.h>
#include <string.h>

enum { LIMB = 32, FRACTION = 52, EXPONENTS = 0x7ff, LEAST = -1074 };

static const int64_t limb_mask = ((int64_t)1 << LIMB) - 1;

void exact_sum_add(struct exact_sum *sum, double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int exponent = (int)(bits >> FRACTION) & EXPONENTS;
  int64_t mantissa = (int64_t)(bits & (((uint64_t)1 << FRACTION) - 1));
  if (exponent == EXPONENTS) {
    sum->nonfinite++;
    return;
  }
  if (exponent > 0) mantissa |= (int64_t)1 << FRACTION;
  const int place = exponent > 0 ? exponent - 1 : 0, shift = place % LIMB;  // in units of 2^LEAST
  const int64_t low = (mantissa & limb_mask) << shift, high = mantissa >> LIMB << shift;
  const int64_t sign = bits >> 63 ? -1 : 1;
  int64_t *limbs = sum->limbs + place / LIMB;
  limbs[0] += sign * (low & limb_mask);
  limbs[1] += sign * ((low >> LIMB) + (high & limb_mask));
  limbs[2] += sign * (high >> LIMB);
}

// Propagates carries, so that every limb except the last is in [0, 2^LIMB); the last has the sign
// of the sum.
static void carry(int64_t *limbs) {
  for (int i = 0; i + 1 < EXACT_LIMBS; i++) {
    const int64_t rest = limbs[i] & limb_mask;
    limbs[i + 1] += (limbs[i] - rest) / (limb_mask + 1);
    limbs[i] = rest;
  }
}

void exact_sum_carry(struct exact_sum *sum) { carry(sum->limbs); }

// Rounds carried limbs, not negative, of which `top` is the first that is not 0.
static double rounded(const int64_t *limbs, int top) {
  if (top < 2) return ldexp((double)((uint64_t)limbs[1] << LIMB | (uint64_t)limbs[0]), LEAST);
  const int shift = __builtin_clzll((uint64_t)limbs[top]) - LIMB;  // so that bit 63 is the first
  const uint64_t next = (uint64_t)limbs[top - 2] << shift;
  uint64_t leading = ((uint64_t)limbs[top] << LIMB | (uint64_t)limbs[top - 1]) << shift;
  leading |= next >> LIMB;
  int64_t below = (int64_t)(next & (uint64_t)limb_mask);
  for (int i = 0; i < top - 2; i++) below |= limbs[i];
  if (below != 0) leading |= 1;  // beyond the precision of a double: only whether it is 0 matters
  return ldexp((double)leading, LIMB * (top - 1) - shift + LEAST);
}

double exact_sum_value(const struct exact_sum *sum) {
  if (sum->nonfinite > 0) return (double)NAN;
  int64_t limbs[EXACT_LIMBS];
  memcpy(limbs, sum->limbs, sizeof limbs);
  carry(limbs);
  const int negative = limbs[EXACT_LIMBS - 1] < 0;
  if (negative) {
    for (int i = 0; i < EXACT_LIMBS; i++) limbs[i] = -limbs[i];
    carry(limbs);
  }
  int top = EXACT_LIMBS - 1;
  while (top > 0 && limbs[top] == 0) top--;
  const double value = rounded(limbs, top);
  return negative ? -value : value;
}
