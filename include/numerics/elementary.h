// exp, log(1 + u) and related functions without branches or library calls, so that loops over them
// in kernels (numerics/vector.h) compile to SIMD code, with the same bits for every instruction
// set. Errors are a few units in the last place over the whole range; beyond it the results
// saturate instead of overflowing.
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

// The standard normal distribution at 0 <= x <= NORMAL_END: its density phi(x) = e^(-x^2 / 2) /
// sqrt(2 pi) and its upper tail Q(x) = erfc(x / sqrt(2)) / 2. With w = 4 / (x + 4) and v = 1 - 2 w,
// from -1 to 1, Q(x) e^(x^2 / 2) / w is a polynomial in v (the variable of Shepherd and
// Laframboise, Math. Comp. 36, 1981), here the interpolant in Chebyshev's nodes, with a relative
// error of 1.1e-8 (float64: 3.4e-17). At the end both are below 1e-35 (1e-297), but still have full
// precision.
#ifdef GFE_DOUBLE
#define NORMAL_END 37.0
#else
#define NORMAL_END 12.8f
#endif
struct normal {
  real density, tail;
};
static inline struct normal normal_real(real x) {
  const real w = (real)4 / (x + (real)4), v = real_fma((real)-2, w, (real)1);
#ifdef GFE_DOUBLE
  double p = -0x1.ea3a977332847p-33;
  p = real_fma(p, v, 0x1.1d0539a431689p-34);
  p = real_fma(p, v, 0x1.db08955e3c71fp-29);
  p = real_fma(p, v, 0x1.e110313c126e1p-29);
  p = real_fma(p, v, -0x1.488c330180102p-26);
  p = real_fma(p, v, -0x1.49a6d0c17e4a4p-25);
  p = real_fma(p, v, 0x1.1b803910bc005p-24);
  p = real_fma(p, v, 0x1.119ae7b7470bep-22);
  p = real_fma(p, v, -0x1.4fcb31b8d8f64p-23);
  p = real_fma(p, v, -0x1.8d31bbfca32f4p-20);
  p = real_fma(p, v, 0x1.7ff4f5f5abfccp-23);
  p = real_fma(p, v, 0x1.26cf6b3d56d74p-17);
  p = real_fma(p, v, -0x1.00138db82facbp-21);
  p = real_fma(p, v, -0x1.e4a41496698d1p-15);
  p = real_fma(p, v, 0x1.17a4a7fc0e6bbp-15);
  p = real_fma(p, v, 0x1.ab825f7a80476p-12);
  p = real_fma(p, v, -0x1.c81719ccc9633p-11);
  p = real_fma(p, v, -0x1.ee27610340071p-10);
  p = real_fma(p, v, 0x1.eec4cc3e470dep-7);
  p = real_fma(p, v, -0x1.7dff2bff688b7p-5);
  p = real_fma(p, v, 0x1.8c6dbf2cfc2ecp-4);
  p = real_fma(p, v, -0x1.373e3a893c287p-3);
  p = real_fma(p, v, 0x1.82b4bb8c94dcep-3);
#else
  float p = -2.81007355e-5f;
  p = real_fma(p, v, 5.50014023e-5f);
  p = real_fma(p, v, 0.000395651299f);
  p = real_fma(p, v, -0.000883041973f);
  p = real_fma(p, v, -0.00188379432f);
  p = real_fma(p, v, 0.0151017082f);
  p = real_fma(p, v, -0.0466304613f);
  p = real_fma(p, v, 0.0967841831f);
  p = real_fma(p, v, -0.151974162f);
  p = real_fma(p, v, 0.188821284f);
#endif
  // Otherwise the rounding error of x^2 would be multiplied by x^2 / 2.
  const real square = x * x, rest = real_fma(x, x, -square);
  const real e = exp_real((real)-0.5 * square), power = real_fma((real)-0.5 * rest, e, e);
  return (struct normal){.density = power * (real)0.3989422804014327, .tail = power * (w * p)};
}

#endif
