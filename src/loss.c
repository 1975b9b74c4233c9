#include "loss.h"

#include "elementary.h"

enum { LANES = REAL_PAD };

// The loss of one entry and its derivative with respect to the decoder's output x.
struct entry {
  real value, slope;
};

static inline struct entry bce(real x, real y) {
  const struct logistic l = logistic_real(x);
  return (struct entry){l.softplus - y * x, l.sigmoid - y};
}

static inline struct entry mse(real x, real y) {
  const real difference = x - y;
  return (struct entry){difference * difference, (real)2 * difference};
}

static double lane_sum(const double lane[LANES]) {
  double sum = 0.0;
  for (size_t i = 0; i < LANES; i++) sum += lane[i];
  return sum;
}

// Rows are summed in LANES partial sums, which vectorises without reordering anything. Padding is
// treated like the rest, for whole vectors, and then taken out: its y is 0 and its x is 0.
#define DEFINE_ROW(name)                                                                         \
  static double name##_row(size_t n, size_t stride, const real *restrict y, real scale,          \
                           real *restrict x) {                                                   \
    double lane[LANES] = {0};                                                                    \
    for (size_t i = n; i < stride; i++) x[i] = 0;                                                \
    for (size_t i = 0; i < stride; i += LANES)                                                   \
      for (size_t j = 0; j < LANES; j++) {                                                       \
        const struct entry entry = name(x[i + j], y[i + j]);                                     \
        lane[j] += (double)entry.value;                                                          \
        x[i + j] = entry.slope * scale;                                                          \
      }                                                                                          \
    for (size_t i = n; i < stride; i++) {                                                        \
      lane[i % LANES] -= (double)name(0, 0).value;                                               \
      x[i] = 0;                                                                                  \
    }                                                                                            \
    return lane_sum(lane);                                                                       \
  }                                                                                              \
  static double name##_row_weighted(size_t stride, const real *restrict y,                       \
                                    const real *restrict w, real scale, real *restrict x) {      \
    double lane[LANES] = {0};                                                                    \
    for (size_t i = 0; i < stride; i += LANES)                                                   \
      for (size_t j = 0; j < LANES; j++) {                                                       \
        const struct entry entry = name(x[i + j], y[i + j]);                                     \
        lane[j] += (double)w[i + j] * (double)entry.value;                                       \
        x[i + j] = w[i + j] * entry.slope * scale;                                               \
      }                                                                                          \
    return lane_sum(lane);                                                                       \
  }
DEFINE_ROW(bce)
DEFINE_ROW(mse)

static const struct loss_ops {
  const char *name;
  double (*row)(size_t n, size_t stride, const real *y, real scale, real *x);
  double (*row_weighted)(size_t stride, const real *y, const real *w, real scale, real *x);
} table[] = {
    [LOSS_BCE] = {"bce", bce_row, bce_row_weighted},
    [LOSS_MSE] = {"mse", mse_row, mse_row_weighted},
};

const char *loss_name(int kind) {
  return kind >= 0 && (size_t)kind < sizeof table / sizeof *table ? table[kind].name : NULL;
}

double loss_row(int kind, size_t n, size_t stride, const real *y, const real *w, double weight_sum,
                real *x) {
  const real scale = (real)(1.0 / weight_sum);
  const double sum = w == NULL ? table[kind].row(n, stride, y, scale, x)
                               : table[kind].row_weighted(stride, y, w, scale, x);
  return sum / weight_sum;
}
