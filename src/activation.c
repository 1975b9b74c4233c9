#include "activation.h"

#include "elementary.h"

// The value phi(s) and the slope phi'(s) of an activation.
struct point {
  real value, slope;
};

static inline struct point identity(real s) { return (struct point){s, 1}; }

static inline struct point elu(real s) {
  const real e = exp_real(s < 0 ? s : (real)0);
  return (struct point){s < 0 ? e - (real)1 : s, e};
}

static inline struct point relu(real s) {
  return (struct point){s > 0 ? s : (real)0, s > 0 ? (real)1 : (real)0};
}

static inline struct point leaky_relu(real s) {
  const real slope = s > 0 ? (real)1 : (real)0.01;
  return (struct point){s * slope, slope};
}

static inline struct point sigmoid(real s) {
  const real value = logistic_real(s).sigmoid;
  return (struct point){value, value * ((real)1 - value)};
}

// tanh(s) = (1 - e) / (1 + e) with e = exp(-2 |s|), and 1 - tanh^2 = 4 e / (1 + e)^2.
static inline struct point tanh_point(real s) {
  const real magnitude = s < 0 ? -s : s, e = exp_real((real)-2 * magnitude);
  const real inverse = (real)1 / ((real)1 + e), value = ((real)1 - e) * inverse;
  return (struct point){s < 0 ? -value : value, (real)4 * e * inverse * inverse};
}

static inline struct point softplus(real s) {
  const struct logistic l = logistic_real(s);
  return (struct point){l.softplus, l.sigmoid};
}

static inline struct point silu(real s) {
  const real sigma = logistic_real(s).sigmoid;
  return (struct point){s * sigma, sigma * ((real)1 + s * ((real)1 - sigma))};
}

// One loop per activation, so that each is compiled with its function inlined.
#define DEFINE_ROWS(name, function)                                                               \
  static void name##_rows(size_t rows, size_t stride, const real *restrict bias, real *restrict s, \
                          real *restrict slope) {                                                 \
    for (size_t row = 0; row < rows; row++, s += stride, slope += stride)                          \
      for (size_t j = 0; j < stride; j++) {                                                        \
        const struct point point = function(s[j] + bias[j]);                                       \
        s[j] = point.value;                                                                        \
        slope[j] = point.slope;                                                                    \
      }                                                                                            \
  }
DEFINE_ROWS(identity, identity)
DEFINE_ROWS(elu, elu)
DEFINE_ROWS(relu, relu)
DEFINE_ROWS(leaky_relu, leaky_relu)
DEFINE_ROWS(tanh, tanh_point)
DEFINE_ROWS(sigmoid, sigmoid)
DEFINE_ROWS(softplus, softplus)
DEFINE_ROWS(silu, silu)

static const struct activation_ops {
  const char *name;
  void (*forward)(size_t rows, size_t stride, const real *bias, real *s, real *slope);
} table[] = {
    [ACTIVATION_IDENTITY] = {"identity", identity_rows},
    [ACTIVATION_ELU] = {"elu", elu_rows},
    [ACTIVATION_RELU] = {"relu", relu_rows},
    [ACTIVATION_LEAKY_RELU] = {"leaky_relu", leaky_relu_rows},
    [ACTIVATION_TANH] = {"tanh", tanh_rows},
    [ACTIVATION_SIGMOID] = {"sigmoid", sigmoid_rows},
    [ACTIVATION_SOFTPLUS] = {"softplus", softplus_rows},
    [ACTIVATION_SILU] = {"silu", silu_rows},
};

const char *activation_name(int kind) {
  return kind >= 0 && (size_t)kind < sizeof table / sizeof *table ? table[kind].name : NULL;
}

void activation_forward(int kind, size_t rows, size_t stride, const real *bias, real *s,
                        real *slope) {
  table[kind].forward(rows, stride, bias, s, slope);
}
