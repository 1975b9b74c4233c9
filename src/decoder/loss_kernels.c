// Kernel: losses over rows.
#include "decoder/loss_kernels.h"

#include "numerics/elementary.h"
#include "numerics/vector.h"

enum { SUM_LANES = REAL_PAD };

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

static double lane_sum(const double lane[SUM_LANES]) {
  double sum = 0.0;
  for (size_t i = 0; i < SUM_LANES; i++) sum += lane[i];
  return sum;
}

// ---- over a row: each is compiled once per loss, with the entry's function inlined ----
//
// Rows are summed in SUM_LANES partial sums, which vectorises without reordering anything. Padding
// is processed like the rest, to have whole vectors, and then subtracted: its y is 0 and its x is
// 0.

typedef struct entry entry_function(real x, real y);
#define INLINED static inline __attribute__((always_inline))

INLINED double sum_row(entry_function *loss, size_t n, size_t stride, const real *restrict y,
                       real scale, real *restrict x) {
  double lane[SUM_LANES] = {0};
  for (size_t i = n; i < stride; i++) x[i] = 0;
  for (size_t i = 0; i < stride; i += SUM_LANES)
    for (size_t j = 0; j < SUM_LANES; j++) {
      const struct entry entry = loss(x[i + j], y[i + j]);
      lane[j] += (double)entry.value;
      x[i + j] = entry.slope * scale;
    }
  for (size_t i = n; i < stride; i++) {
    lane[i % SUM_LANES] -= (double)loss(0, 0).value;
    x[i] = 0;
  }
  return lane_sum(lane);
}

INLINED double sum_row_weighted(entry_function *loss, size_t stride, const real *restrict y,
                                const real *restrict w, real scale, real *restrict x) {
  double lane[SUM_LANES] = {0};
  for (size_t i = 0; i < stride; i += SUM_LANES)
    for (size_t j = 0; j < SUM_LANES; j++) {
      const struct entry entry = loss(x[i + j], y[i + j]);
      lane[j] += (double)w[i + j] * (double)entry.value;
      x[i + j] = w[i + j] * entry.slope * scale;
    }
  return lane_sum(lane);
}

// With the partial sums that the whole sample has, in the same order.
INLINED double sum_row_placed(entry_function *loss, size_t n, const struct loss_sample *sample,
                              real scale, real *restrict x) {
  double lane[SUM_LANES] = {0};
  for (size_t i = 0; i < n; i++) {
    const struct entry entry = loss(x[i], sample->y[i]);
    lane[sample->places[i] % SUM_LANES] += (double)sample->w[i] * (double)entry.value;
    x[i] = sample->w[i] * entry.slope * scale;
  }
  for (size_t i = n; i < real_padded(n); i++) x[i] = 0;
  return lane_sum(lane);
}

INLINED void times_curvature(entry_function *loss, size_t stride, const real *restrict w,
                             real scale, const real *restrict x, const real *restrict y,
                             real *restrict x_dot) {
  for (size_t i = 0; i < stride; i += SUM_LANES)
    if (w == NULL)
      for (size_t j = i; j < i + SUM_LANES; j++) x_dot[j] *= loss(x[j], y[j]).curvature * scale;
    else
      for (size_t j = i; j < i + SUM_LANES; j++)
        x_dot[j] *= loss(x[j], y[j]).curvature * (w[j] * scale);
}

// a(x) of a row, with zeros in the padding, and their sum.
typedef real potential_function(real x);

INLINED double sum_potential(potential_function *potential, size_t n, size_t stride,
                             const real *restrict x, real *restrict a) {
  double lane[SUM_LANES] = {0};
  for (size_t i = 0; i < stride; i += SUM_LANES)
    for (size_t j = 0; j < SUM_LANES; j++) {
      a[i + j] = i + j < n ? potential(x[i + j]) : 0;
      lane[j] += (double)a[i + j];
    }
  return lane_sum(lane);
}

// ---- bce ----

static double bce_row(size_t n, size_t stride, const real *y, real scale, real *x) {
  return sum_row(bce, n, stride, y, scale, x);
}

static double bce_row_weighted(size_t stride, const real *y, const real *w, real scale, real *x) {
  return sum_row_weighted(bce, stride, y, w, scale, x);
}

static double bce_row_placed(size_t n, const struct loss_sample *sample, real scale, real *x) {
  return sum_row_placed(bce, n, sample, scale, x);
}

static void bce_curvature(size_t stride, const real *w, real scale, const real *x, const real *y,
                          real *x_dot) {
  times_curvature(bce, stride, w, scale, x, y, x_dot);
}

static inline real softplus(real x) { return logistic_real(x).softplus; }

static double bce_potential(size_t n, size_t stride, const real *x, real *a) {
  return sum_potential(softplus, n, stride, x, a);
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

static double mse_row_placed(size_t n, const struct loss_sample *sample, real scale, real *x) {
  return sum_row_placed(mse, n, sample, scale, x);
}

static void mse_curvature(size_t stride, const real *w, real scale, const real *x, const real *y,
                          real *x_dot) {
  times_curvature(mse, stride, w, scale, x, y, x_dot);
}

static inline real half_square(real x) { return (real)0.5 * x * x; }

static double mse_potential(size_t n, size_t stride, const real *x, real *a) {
  return sum_potential(half_square, n, stride, x, a);
}

// ---- the table ----

const struct loss_kernels VECTOR_VARIANT(loss_kernels) = {
    .kinds = {[LOSS_BCE] = {.row = bce_row,
                            .row_weighted = bce_row_weighted,
                            .row_placed = bce_row_placed,
                            .curvature = bce_curvature,
                            .potential = bce_potential,
                            .output = bce_output},
              [LOSS_MSE] = {.row = mse_row,
                            .row_weighted = mse_row_weighted,
                            .row_placed = mse_row_placed,
                            .curvature = mse_curvature,
                            .potential = mse_potential}}};
