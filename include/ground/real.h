// The program's floating-point type: float in gfe_hpc, double in gfe_hpc_double.
#ifndef GFE_REAL_H
#define GFE_REAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// real_bits: the integer of the same width.
#ifdef GFE_DOUBLE
typedef double real;
typedef int64_t real_bits;
#define REAL_NAME "float64"
#else
typedef float real;
typedef int32_t real_bits;
#define REAL_NAME "float32"
#endif

// a b + c, rounded once: an instruction in kernels, otherwise a call.
static inline real real_fma(real a, real b, real c) {
#ifdef GFE_DOUBLE
  return __builtin_fma(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

// |x| as an integer: ordered like the magnitudes, followed by infinity and NaN.
static inline real_bits real_magnitude(real x) {
  real_bits bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & (real_bits)(UINT64_MAX >> (65 - 8 * sizeof bits));
}

static inline real real_sqrt(real x) {
#ifdef GFE_DOUBLE
  return __builtin_sqrt(x);
#else
  return __builtin_sqrtf(x);
#endif
}

enum { REAL_PAD = 16 };  // rows of samples are padded to this many elements, see real_padded()

// The stride of a row of `width` elements: whole vectors only, so that no element of a row is
// treated by a scalar remainder loop.
static inline size_t real_padded(size_t width) {
  return (width + REAL_PAD - 1) / REAL_PAD * REAL_PAD;
}

#endif
