#include "decoder/loss.h"

#include "ground/text.h"
#include "numerics/elementary.h"

enum { LANES = REAL_PAD };

// The loss of one entry and its derivatives with respect to the decoder's output x.
struct entry {
  real value, slope, curvature;
};

static inline struct entry bce(real x, real y) {
  const struct logistic l = logistic_real(x);
  return (struct entry){l.softplus - y * x, l.sigmoid - y, l.sigmoid * ((real)1 - l.sigmoid)};
}

static inline struct entry mse(real x, real y) {
  const real difference = x - y;
  return (struct entry){difference * difference, (real)2 * difference, 2};
}

static double lane_sum(const double lane[LANES]) {
  double sum = 0.0;
  for (size_t i = 0; i < LANES; i++) sum += lane[i];
  return sum;
}

// Rows are summed in LANES partial sums, which vectorises without reordering anything. Padding is
// treated like the rest, for whole vectors, and then taken out: its y is 0 and its x is 0.
#define DEFINE_ROW(name)                                                                           \
  static double name##_row(size_t n, size_t stride, const real *restrict y, real scale,            \
                           real *restrict x) {                                                     \
    double lane[LANES] = {0};                                                                      \
    for (size_t i = n; i < stride; i++) x[i] = 0;                                                  \
    for (size_t i = 0; i < stride; i += LANES)                                                     \
      for (size_t j = 0; j < LANES; j++) {                                                         \
        const struct entry entry = name(x[i + j], y[i + j]);                                       \
        lane[j] += (double)entry.value;                                                            \
        x[i + j] = entry.slope * scale;                                                            \
      }                                                                                            \
    for (size_t i = n; i < stride; i++) {                                                          \
      lane[i % LANES] -= (double)name(0, 0).value;                                                 \
      x[i] = 0;                                                                                    \
    }                                                                                              \
    return lane_sum(lane);                                                                         \
  }                                                                                                \
  static double name##_row_weighted(size_t stride, const real *restrict y, const real *restrict w, \
                                    real scale, real *restrict x) {                                \
    double lane[LANES] = {0};                                                                      \
    for (size_t i = 0; i < stride; i += LANES)                                                     \
      for (size_t j = 0; j < LANES; j++) {                                                         \
        const struct entry entry = name(x[i + j], y[i + j]);                                       \
        lane[j] += (double)w[i + j] * (double)entry.value;                                         \
        x[i + j] = w[i + j] * entry.slope * scale;                                                 \
      }                                                                                            \
    return lane_sum(lane);                                                                         \
  }                                                                                                \
  static void name##_curvature(size_t n, const real *restrict w, real scale,                       \
                               const real *restrict x, const real *restrict y,                     \
                               real *restrict x_dot) {                                             \
    for (size_t i = 0; i < n; i++)                                                                 \
      x_dot[i] *= name(x[i], y[i]).curvature * (w == NULL ? scale : w[i] * scale);                 \
  }
DEFINE_ROW(bce)
DEFINE_ROW(mse)

static const struct loss_ops {
  const char *name;
  double (*row)(size_t n, size_t stride, const real *y, real scale, real *x);
  double (*row_weighted)(size_t stride, const real *y, const real *w, real scale, real *x);
  void (*curvature)(size_t n, const real *w, real scale, const real *x, const real *y, real *x_dot);
} table[] = {
    [LOSS_BCE] = {"bce", bce_row, bce_row_weighted, bce_curvature},
    [LOSS_MSE] = {"mse", mse_row, mse_row_weighted, mse_curvature},
};

const char *loss_name(int kind) { return IN_TABLE(table, kind) ? table[kind].name : NULL; }

double loss_row(int kind, size_t n, size_t stride, const real *y, const real *w, double weight_sum,
                real *x) {
  const real scale = (real)(1.0 / weight_sum);
  const double sum = w == NULL ? table[kind].row(n, stride, y, scale, x)
                               : table[kind].row_weighted(stride, y, w, scale, x);
  return sum / weight_sum;
}

double loss_row_tangent(int kind, size_t n, size_t stride, const real *y, const real *w,
                        double weight_sum, real *x, real *x_dot) {
  table[kind].curvature(n, w, (real)(1.0 / weight_sum), x, y, x_dot);
  for (size_t i = n; i < stride; i++) x_dot[i] = 0;
  return loss_row(kind, n, stride, y, w, weight_sum, x);
}
