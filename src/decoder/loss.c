#include "decoder/loss.h"

#include <assert.h>

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

// ---- over a row: each is compiled once per loss, with the entry's function inlined ----
//
// Rows are summed in LANES partial sums, which vectorises without reordering anything. Padding is
// treated like the rest, for whole vectors, and then taken out: its y is 0 and its x is 0.

typedef struct entry entry_function(real x, real y);
#define INLINED static inline __attribute__((always_inline))

INLINED double sum_row(entry_function *loss, size_t n, size_t stride, const real *restrict y,
                       real scale, real *restrict x) {
  double lane[LANES] = {0};
  for (size_t i = n; i < stride; i++) x[i] = 0;
  for (size_t i = 0; i < stride; i += LANES)
    for (size_t j = 0; j < LANES; j++) {
      const struct entry entry = loss(x[i + j], y[i + j]);
      lane[j] += (double)entry.value;
      x[i + j] = entry.slope * scale;
    }
  for (size_t i = n; i < stride; i++) {
    lane[i % LANES] -= (double)loss(0, 0).value;
    x[i] = 0;
  }
  return lane_sum(lane);
}

INLINED double sum_row_weighted(entry_function *loss, size_t stride, const real *restrict y,
                                const real *restrict w, real scale, real *restrict x) {
  double lane[LANES] = {0};
  for (size_t i = 0; i < stride; i += LANES)
    for (size_t j = 0; j < LANES; j++) {
      const struct entry entry = loss(x[i + j], y[i + j]);
      lane[j] += (double)w[i + j] * (double)entry.value;
      x[i + j] = w[i + j] * entry.slope * scale;
    }
  return lane_sum(lane);
}

INLINED void times_curvature(entry_function *loss, size_t n, const real *restrict w, real scale,
                             const real *restrict x, const real *restrict y, real *restrict x_dot) {
  for (size_t i = 0; i < n; i++)
    x_dot[i] *= loss(x[i], y[i]).curvature * (w == NULL ? scale : w[i] * scale);
}

// ---- bce ----

static double bce_row(size_t n, size_t stride, const real *y, real scale, real *x) {
  return sum_row(bce, n, stride, y, scale, x);
}

static double bce_row_weighted(size_t stride, const real *y, const real *w, real scale, real *x) {
  return sum_row_weighted(bce, stride, y, w, scale, x);
}

static void bce_curvature(size_t n, const real *w, real scale, const real *x, const real *y,
                          real *x_dot) {
  times_curvature(bce, n, w, scale, x, y, x_dot);
}

static void bce_output(size_t count, real *x) {
  for (size_t i = 0; i < count; i++) x[i] = logistic_real(x[i]).sigmoid;
}

// ---- mse ----

static double mse_row(size_t n, size_t stride, const real *y, real scale, real *x) {
  return sum_row(mse, n, stride, y, scale, x);
}

static double mse_row_weighted(size_t stride, const real *y, const real *w, real scale, real *x) {
  return sum_row_weighted(mse, stride, y, w, scale, x);
}

static void mse_curvature(size_t n, const real *w, real scale, const real *x, const real *y,
                          real *x_dot) {
  times_curvature(mse, n, w, scale, x, y, x_dot);
}

// ---- the table ----

static const struct loss_ops table[] = {
    [LOSS_BCE] = {.name = "bce",
                  .unit_interval = true,
                  .output = bce_output,
                  .output_text = "probabilities",
                  .row = bce_row,
                  .row_weighted = bce_row_weighted,
                  .curvature = bce_curvature},
    [LOSS_MSE] = {.name = "mse",
                  .row = mse_row,
                  .row_weighted = mse_row_weighted,
                  .curvature = mse_curvature},
};

const struct loss_ops *loss_ops(enum loss_kind kind) {
  assert(loss_name((int)kind) != NULL);
  return &table[kind];
}

const char *loss_name(int kind) { return IN_TABLE(table, kind) ? table[kind].name : NULL; }

double loss_row(enum loss_kind kind, size_t n, size_t stride, const real *y, const real *w,
                double weight_sum, real *x) {
  assert(n <= stride && stride % REAL_PAD == 0 && weight_sum > 0.0);
  const real scale = (real)(1.0 / weight_sum);
  const double sum = w == NULL ? table[kind].row(n, stride, y, scale, x)
                               : table[kind].row_weighted(stride, y, w, scale, x);
  return sum / weight_sum;
}

double loss_row_tangent(enum loss_kind kind, size_t n, size_t stride, const real *y, const real *w,
                        double weight_sum, real *x, real *x_dot) {
  table[kind].curvature(n, w, (real)(1.0 / weight_sum), x, y, x_dot);
  for (size_t i = n; i < stride; i++) x_dot[i] = 0;
  return loss_row(kind, n, stride, y, w, weight_sum, x);
}
