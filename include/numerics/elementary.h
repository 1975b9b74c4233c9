// exp, log(1 + u) and friends without branches or library calls, so that loops over them in kernels
// (numerics/vector.h) compile to SIMD code, with the same bits on every instruction set. Errors are
// a few units in the last place over the whole range; beyond it the results saturate instead of
// overflowing.
#ifndef GFE_ELEMENTARY_H
#define GFE_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#include "ground/real.h"

// e^x: x = k log 2 + r with |r| <= log(2)/2, a Taylor polynomial in r, and 2^k put together in the
// exponent bits. Adding 1.5 2^(mantissa bits) to x / log 2 leaves k in the low bits.
#ifdef GFE_DOUBLE
static inline real exp_real(real x) {
  const double low = -708.0, high = 709.0;
  x = x < low ? low : x;
  x = x > high ? high : x;
  const double magic = 0x1.8p52;
  const double shifted = real_fma(x, 1.4426950408889634, magic), k = shifted - magic;
  const double r = real_fma(k, -0x1.a39ef35793c76p-33, real_fma(k, -0x1.62e42fee00000p-1, x));
  double p = 1.0 / 6227020800.0;
  p = real_fma(p, r, 1.0 / 479001600.0);
  p = real_fma(p, r, 1.0 / 39916800.0);
  p = real_fma(p, r, 1.0 / 3628800.0);
  p = real_fma(p, r, 1.0 / 362880.0);
  p = real_fma(p, r, 1.0 / 40320.0);
  p = real_fma(p, r, 1.0 / 5040.0);
  p = real_fma(p, r, 1.0 / 720.0);
  p = real_fma(p, r, 1.0 / 120.0);
  p = real_fma(p, r, 1.0 / 24.0);
  p = real_fma(p, r, 1.0 / 6.0);
  p = real_fma(p, r, 0.5);
  p = real_fma(p, r, 1.0);
  p = real_fma(p, r, 1.0);
  uint64_t bits;
  double power;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}
#else
static inline real exp_real(real x) {
  const float low = -87.0f, high = 88.0f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  const float magic = 0x1.8p23f;
  const float shifted = real_fma(x, 1.44269504f, magic), k = shifted - magic;
  const float r = real_fma(k, -0x1.7f7d1cp-20f, real_fma(k, -0x1.62e400p-1f, x));
  float p = 1.0f / 5040.0f;
  p = real_fma(p, r, 1.0f / 720.0f);
  p = real_fma(p, r, 1.0f / 120.0f);
  p = real_fma(p, r, 1.0f / 24.0f);
  p = real_fma(p, r, 1.0f / 6.0f);
  p = real_fma(p, r, 0.5f);
  p = real_fma(p, r, 1.0f);
  p = real_fma(p, r, 1.0f);
  uint32_t bits;
  float power;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127) << 23;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}
#endif

// log(1 + u) for u in [0, 1]: 2 artanh(t) with t = u / (2 + u) <= 1/3, by its series.
static inline real log1p_real(real u) {
  const real t = u / ((real)2 + u), t2 = t * t;
#ifdef GFE_DOUBLE
  double p = 2.0 / 33.0;
  p = real_fma(p, t2, 2.0 / 31.0);
  p = real_fma(p, t2, 2.0 / 29.0);
  p = real_fma(p, t2, 2.0 / 27.0);
  p = real_fma(p, t2, 2.0 / 25.0);
  p = real_fma(p, t2, 2.0 / 23.0);
  p = real_fma(p, t2, 2.0 / 21.0);
  p = real_fma(p, t2, 2.0 / 19.0);
  p = real_fma(p, t2, 2.0 / 17.0);
  p = real_fma(p, t2, 2.0 / 15.0);
  p = real_fma(p, t2, 2.0 / 13.0);
#else
  float p = 2.0f / 13.0f;
#endif
  p = real_fma(p, t2, (real)(2.0 / 11.0));
  p = real_fma(p, t2, (real)(2.0 / 9.0));
  p = real_fma(p, t2, (real)(2.0 / 7.0));
  p = real_fma(p, t2, (real)(2.0 / 5.0));
  p = real_fma(p, t2, (real)(2.0 / 3.0));
  p = real_fma(p, t2, (real)2.0);
  return p * t;
}

// softplus(x) = log(1 + e^x) and the logistic function 1 / (1 + e^-x), from one exponential.
struct logistic {
  real softplus, sigmoid;
};
static inline struct logistic logistic_real(real x) {
  const real e = exp_real(x < 0 ? x : -x), inverse = (real)1 / ((real)1 + e);
  return (struct logistic){.softplus = (x > 0 ? x : (real)0) + log1p_real(e),
                           .sigmoid = x < 0 ? e * inverse : inverse};
}

#endif
