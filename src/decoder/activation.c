#include "decoder/activation.h"

#include <assert.h>

#include "ground/text.h"
#include "numerics/elementary.h"

// The value phi(s), the slope phi'(s) and the curvature phi''(s) of an activation. Loops that do
// not look at one of them do not compute it.
struct point {
  real value, slope, curvature;
};

static inline struct point identity(real s) { return (struct point){s, 1, 0}; }

static inline struct point elu(real s) {
  const real e = exp_real(s < 0 ? s : (real)0);
  return (struct point){s < 0 ? e - (real)1 : s, e, s < 0 ? e : (real)0};
}

static inline struct point relu(real s) {
  return (struct point){s > 0 ? s : (real)0, s > 0 ? (real)1 : (real)0, 0};
}

static inline struct point leaky_relu(real s) {
  const real slope = s > 0 ? (real)1 : (real)0.01;
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

// ---- over rows: each is compiled once per activation, with its function inlined ----

typedef struct point point_function(real s);
#define INLINED static inline __attribute__((always_inline))

INLINED void forward(point_function *phi, size_t rows, size_t stride, const real *restrict bias,
                     real *restrict s, real *restrict slope) {
  for (size_t row = 0; row < rows; row++, s += stride, slope += stride)
    for (size_t j = 0; j < stride; j++) {
      const struct point point = phi(s[j] + bias[j]);
      s[j] = point.value;
      slope[j] = point.slope;
    }
}

INLINED void tangent(point_function *phi, size_t rows, size_t stride, const real *restrict bias,
                     real *restrict s, real *restrict s_dot, real *restrict slope,
                     real *restrict bend) {
  for (size_t row = 0; row < rows;
       row++, s += stride, s_dot += stride, slope += stride, bend += stride)
    for (size_t j = 0; j < stride; j++) {
      const struct point point = phi(s[j] + bias[j]);
      s[j] = point.value;
      slope[j] = point.slope;
      bend[j] = point.curvature * s_dot[j];
      s_dot[j] *= point.slope;
    }
}

#define DEFINE_ROWS(name, phi)                                                                     \
  static void name##_forward(size_t rows, size_t stride, const real *bias, real *s, real *slope) { \
    forward(phi, rows, stride, bias, s, slope);                                                    \
  }                                                                                                \
  static void name##_tangent(size_t rows, size_t stride, const real *bias, real *s, real *s_dot,   \
                             real *slope, real *bend) {                                            \
    tangent(phi, rows, stride, bias, s, s_dot, slope, bend);                                       \
  }
DEFINE_ROWS(identity, identity)
DEFINE_ROWS(elu, elu)
DEFINE_ROWS(relu, relu)
DEFINE_ROWS(leaky_relu, leaky_relu)
DEFINE_ROWS(tanh, tanh_point)
DEFINE_ROWS(sigmoid, sigmoid)
DEFINE_ROWS(softplus, softplus)
DEFINE_ROWS(silu, silu)

#define ROW(kind, name) [kind] = {#name, name##_forward, name##_tangent}
static const struct activation_ops {
  const char *name;
  void (*forward)(size_t rows, size_t stride, const real *bias, real *s, real *slope);
  void (*tangent)(size_t rows, size_t stride, const real *bias, real *s, real *s_dot, real *slope,
                  real *bend);
} table[] = {
    ROW(ACTIVATION_IDENTITY, identity), ROW(ACTIVATION_ELU, elu),
    ROW(ACTIVATION_RELU, relu),         ROW(ACTIVATION_LEAKY_RELU, leaky_relu),
    ROW(ACTIVATION_TANH, tanh),         ROW(ACTIVATION_SIGMOID, sigmoid),
    ROW(ACTIVATION_SOFTPLUS, softplus), ROW(ACTIVATION_SILU, silu),
};

const char *activation_name(int kind) { return IN_TABLE(table, kind) ? table[kind].name : NULL; }

void activation_forward(enum activation_kind kind, size_t rows, size_t stride, const real *bias,
                        real *s, real *slope) {
  assert(stride % REAL_PAD == 0);
  table[kind].forward(rows, stride, bias, s, slope);
}

void activation_tangent(enum activation_kind kind, size_t rows, size_t stride, const real *bias,
                        real *s, real *s_dot, real *slope, real *bend) {
  assert(stride % REAL_PAD == 0);
  table[kind].tangent(rows, stride, bias, s, s_dot, slope, bend);
}
