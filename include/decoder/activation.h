// Activation functions phi, applied to rows of sums s, and the chain rule through them. Rows have
// `columns` elements, a multiple of 8, and lie `stride` elements apart, so that the part of the
// rows that a product has just finished can be processed while it is still in the L1 cache.
#ifndef GFE_ACTIVATION_H
#define GFE_ACTIVATION_H

#include <stddef.h>

#include "ground/real.h"

enum activation_kind {
  ACTIVATION_IDENTITY,
  ACTIVATION_ELU,  // alpha = 1
  ACTIVATION_RELU,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_TANH,
  ACTIVATION_SIGMOID,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SILU,
  ACTIVATION_GELU,  // s Phi(s), Phi the standard normal distribution function
  ACTIVATION_KINDS
};
const char *activation_name(int kind);  // NULL beyond the last

// An activation with its parameter.
struct activation {
  enum activation_kind kind;
  real leak;  // leaky_relu: its slope below 0
};

struct activation_block {
  size_t rows, columns, stride;
};

// a = phi(s) in place of s, and slope = phi'(s).
void activation_forward(struct activation phi, struct activation_block block, real *s, real *slope);

// The same, and curvature = phi''(s) as well.
void activation_curve(struct activation phi, struct activation_block block, real *s, real *slope,
                      real *curvature);

// delta *= slope: from d loss / d a to d loss / d s.
void activation_backward(struct activation_block block, const real *slope, real *delta);

// For a tangent s_dot: bend = phi''(s) s_dot in place of the curvature, then
// a_dot = phi'(s) s_dot in place of s_dot.
void activation_tangent(struct activation_block block, const real *slope, real *bend, real *s_dot);

// delta_dot = bend delta + slope delta_dot, then delta *= slope.
void activation_tangent_backward(struct activation_block block, const real *slope, const real *bend,
                                 real *delta, real *delta_dot);

#endif
