#include <math.h>
#include <string.h>

#include "decoder/loss.h"
#include "support/test.h"

static double reference(int kind, double x, double y) {
  return kind == LOSS_BCE ? fmax(x, 0) + log1p(exp(-fabs(x))) - y * x : (x - y) * (x - y);
}

static double reference_slope(int kind, double x, double y) {
  return kind == LOSS_BCE ? 1 / (1 + exp(-x)) - y : 2 * (x - y);
}

static void entries(int kind, size_t n, int weighted) {
  enum { MOST = 64 };
  const size_t stride = real_padded(n);
  real x[MOST] = {0}, slope[MOST], y[MOST] = {0}, w[MOST] = {0};
  double weight_sum = 0.0, sum = 0.0, worst = 0.0;
  for (size_t i = 0; i < n; i++) {
    x[i] = (real)(12.0 * sin((double)i));
    y[i] = (real)(0.5 + 0.5 * cos((double)i));
    w[i] = weighted ? (real)(i % 3) : 1;
    weight_sum += (double)w[i];
    sum += (double)w[i] * reference(kind, (double)x[i], (double)y[i]);
  }
  memcpy(slope, x, sizeof x);
  for (size_t i = n; i < stride; i++)
    slope[i] = (real)0.7;  // what lies in the padding must not count
  const struct loss_sample sample = {y, weighted ? w : NULL, weight_sum, NULL};
  const double loss = loss_row(kind, n, stride, &sample, slope);
  for (size_t i = 0; i < n; i++)
    worst = fmax(
        worst, fabs((double)slope[i] -
                    (double)w[i] * reference_slope(kind, (double)x[i], (double)y[i]) / weight_sum));
  for (size_t i = n; i < stride; i++) CHECK(slope[i] == 0, "padding %g", (double)slope[i]);
  const double precision = sizeof(real) == sizeof(double) ? 1e-14 : 2e-6;
  CHECK(fabs(loss - sum / weight_sum) < precision * fabs(loss), "%s n %zu: loss %.17g, not %.17g",
        loss_name(kind), n, loss, sum / weight_sum);
  CHECK(worst < precision, "%s n %zu: error of the slope %g", loss_name(kind), n, worst);
}

int main(void) {
  for (int kind = 0; loss_name(kind) != NULL; kind++)
    for (size_t n = 2; n <= 64; n += 1 + n / 3)
      for (int weighted = 0; weighted < 2; weighted++) entries(kind, n, weighted);
  real x[REAL_PAD] = {200, -200}, y[REAL_PAD] = {0, 1};
  const double loss = loss_row(LOSS_BCE, 2, REAL_PAD, &(struct loss_sample){y, NULL, 2.0, NULL}, x);
  CHECK(fabs(loss - 200.0) < 1e-4, "large logits give %g, not 200", loss);
  return test_summary();
}
