// Kernel: activations over blocks of rows, and the chain rule through them.
#include "decoder/activation_kernels.h"

#include "numerics/elementary.h"
#include "numerics/vector.h"

// The value phi(s), the slope phi'(s) and the curvature phi''(s) of an activation. Loops that do
// not use one of them do not compute it.
struct point {
  real value, slope, curvature;
};

static inline struct point identity(real s) { return (struct point){s, 1, 0}; }

static inline struct point elu(real s) {
  const real e = exp_real(s < 0 ? s : (real)0);
  return (struct point){s < 0 ? e - (real)1 : s, e, s < 0 ? e : (real)0};
}

static inline struct point relu(real s) {
  return (struct point){s <= 0 ? (real)0 : s, s <= 0 ? (real)0 : (real)1, 0};  // a NaN stays one
}

static inline struct point leaky_relu(real s, real leak) {
  const real slope = s > 0 ? (real)1 : leak;
  return (struct point){s * slope, slope, 0};
}

static inline struct point sigmoid(real s) {
  const real value = logistic_real(s).sigmoid, slope = value * ((real)1 - value);
  return (struct point){value, slope, slope * ((real)1 - (real)2 * value)};
}

// tanh(s) = (1 - e) / (1 + e) with e = exp(-2 |s|), and 1 - tanh^2 = 4 e / (1 + e)^2.
static inline struct point tanh_point(real s) {
  const real magnitude = s < 0 ? -s : s, e = exp_real((real)-2 * magnitude);
  const real inverse = (real)1 / ((real)1 + e), positive = ((real)1 - e) * inverse;
  const real value = s < 0 ? -positive : positive, slope = (real)4 * e * inverse * inverse;
  return (struct point){value, slope, (real)-2 * value * slope};
}

static inline struct point softplus(real s) {
  const struct logistic l = logistic_real(s);
  return (struct point){l.softplus, l.sigmoid, l.sigmoid * ((real)1 - l.sigmoid)};
}

static inline struct point silu(real s) {
  const real sigma = logistic_real(s).sigmoid, slope = sigma * ((real)1 - sigma);
  return (struct point){s * sigma, sigma + s * slope,
                        slope * ((real)2 + s * ((real)1 - (real)2 * sigma))};
}

// s Phi(s), Phi(s) + s phi(s) and (2 - s^2) phi(s), phi being the density of Phi; beyond the last s
// at which they still change, their values there.
static inline struct point gelu(real s) {
  const real low = s < -NORMAL_END ? -NORMAL_END : s;
  const real x = low > NORMAL_END ? NORMAL_END : low;
  const struct normal n = normal_real(x < 0 ? -x : x);
  const real below = x < 0 ? n.tail : (real)1 - n.tail;
  return (struct point){low * below, below + x * n.density, ((real)2 - x * x) * n.density};
}

// ---- over rows: each is compiled once per activation, with its function inlined ----

typedef struct point point_function(real s, real leak);
#define INLINED static inline __attribute__((always_inline))

INLINED void forward(point_function *phi, real leak, struct activation_block block,
                     real *restrict s, real *restrict slope) {
  for (size_t row = 0; row < block.rows; row++, s += block.stride, slope += block.stride)
    for (size_t j = 0; j < block.columns; j++) {
      const struct point point = phi(s[j], leak);
      s[j] = point.value;
      slope[j] = point.slope;
    }
}

INLINED void curve(point_function *phi, real leak, struct activation_block block, real *restrict s,
                   real *restrict slope, real *restrict curvature) {
  for (size_t row = 0; row < block.rows; row++) {
    for (size_t j = 0; j < block.columns; j++) {
      const struct point point = phi(s[j], leak);
      s[j] = point.value;
      slope[j] = point.slope;
      curvature[j] = point.curvature;
    }
    s += block.stride;
    slope += block.stride;
    curvature += block.stride;
  }
}

// An activation that does not depend on `leak`.
#define DEFINE_POINT(name, phi)                                   \
  static inline struct point name##_leakless(real s, real leak) { \
    (void)leak;                                                   \
    return phi(s);                                                \
  }                                                               \
  DEFINE_KIND(name, name##_leakless)
#define DEFINE_KIND(name, phi)                                                            \
  static void name##_forward(struct activation a, struct activation_block block, real *s, \
                             real *slope) {                                               \
    forward(phi, a.leak, block, s, slope);                                                \
  }                                                                                       \
  static void name##_curve(struct activation a, struct activation_block block, real *s,   \
                           real *slope, real *curvature) {                                \
    curve(phi, a.leak, block, s, slope, curvature);                                       \
  }
DEFINE_POINT(identity, identity)
DEFINE_POINT(elu, elu)
DEFINE_POINT(relu, relu)
DEFINE_KIND(leaky_relu, leaky_relu)
DEFINE_POINT(tanh, tanh_point)
DEFINE_POINT(sigmoid, sigmoid)
DEFINE_POINT(softplus, softplus)
DEFINE_POINT(silu, silu)
DEFINE_POINT(gelu, gelu)

// ---- the chain rule ----

static void backward(struct activation_block block, const real *restrict slope,
                     real *restrict delta) {
  for (size_t row = 0; row < block.rows; row++, slope += block.stride, delta += block.stride)
    for (size_t j = 0; j < block.columns; j++) delta[j] *= slope[j];
}

static void tangent(struct activation_block block, const real *restrict slope, real *restrict bend,
                    real *restrict s_dot) {
  for (size_t row = 0; row < block.rows; row++) {
    for (size_t j = 0; j < block.columns; j++) {
      bend[j] *= s_dot[j];
      s_dot[j] *= slope[j];
    }
    slope += block.stride;
    bend += block.stride;
    s_dot += block.stride;
  }
}

static void tangent_backward(struct activation_block block, const real *restrict slope,
                             const real *restrict bend, real *restrict delta,
                             real *restrict delta_dot) {
  for (size_t row = 0; row < block.rows; row++) {
    for (size_t j = 0; j < block.columns; j++) {
      delta_dot[j] = bend[j] * delta[j] + slope[j] * delta_dot[j];
      delta[j] *= slope[j];
    }
    slope += block.stride;
    bend += block.stride;
    delta += block.stride;
    delta_dot += block.stride;
  }
}

#define KIND(kind, name) [kind] = {name##_forward, name##_curve}
const struct activation_kernels VECTOR_VARIANT(activation_kernels) = {
    .kinds = {KIND(ACTIVATION_IDENTITY, identity), KIND(ACTIVATION_ELU, elu),
              KIND(ACTIVATION_RELU, relu), KIND(ACTIVATION_LEAKY_RELU, leaky_relu),
              KIND(ACTIVATION_TANH, tanh), KIND(ACTIVATION_SIGMOID, sigmoid),
              KIND(ACTIVATION_SOFTPLUS, softplus), KIND(ACTIVATION_SILU, silu),
              KIND(ACTIVATION_GELU, gelu)},
    .backward = backward,
    .tangent = tangent,
    .tangent_backward = tangent_backward};
