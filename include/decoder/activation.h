// Activation functions phi, applied to rows of sums s with the bias added on the way.
#ifndef GFE_ACTIVATION_H
#define GFE_ACTIVATION_H

#include <stddef.h>

#include "ground/real.h"

enum activation_kind {
  ACTIVATION_IDENTITY,
  ACTIVATION_ELU,  // alpha = 1
  ACTIVATION_RELU,
  ACTIVATION_LEAKY_RELU,  // slope 0.01
  ACTIVATION_TANH,
  ACTIVATION_SIGMOID,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SILU
};
const char *activation_name(int kind);  // NULL beyond the last

// For each of `rows` rows of stride `stride` (a multiple of REAL_PAD): a = phi(s + bias) in place
// of s, and slope = phi'(s + bias). `bias` has `stride` elements. Padding elements hold phi(0).
void activation_forward(enum activation_kind kind, size_t rows, size_t stride, const real *bias,
                        real *s, real *slope);

// The same with a tangent s_dot: besides, bend = phi''(s + bias) s_dot, and then
// a_dot = phi'(s + bias) s_dot in place of s_dot.
void activation_tangent(enum activation_kind kind, size_t rows, size_t stride, const real *bias,
                        real *s, real *s_dot, real *slope, real *bend);

#endif
