// Values against the C library, slopes against central differences.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "support/test.h"

static double reference(const char *name, double s) {
  if (strcmp(name, "elu") == 0) return s < 0 ? expm1(s) : s;
  if (strcmp(name, "relu") == 0) return s > 0 ? s : 0;
  if (strcmp(name, "leaky_relu") == 0) return s > 0 ? s : 0.3 * s;
  if (strcmp(name, "tanh") == 0) return tanh(s);
  if (strcmp(name, "sigmoid") == 0) return 1 / (1 + exp(-s));
  if (strcmp(name, "softplus") == 0) return fmax(s, 0) + log1p(exp(-fabs(s)));
  if (strcmp(name, "silu") == 0) return s / (1 + exp(-s));
  if (strcmp(name, "gelu") == 0) return (double)(0.5L * s * erfcl(-s * sqrtl(0.5L)));
  return s;
}

int main(void) {
  enum { COUNT = 4096 };
  static real s[COUNT], slope[COUNT], curvature[COUNT];
  const struct activation_block all = {4, COUNT / 4, COUNT / 4};
  const double precision = sizeof(real) == sizeof(double) ? 4e-15 : 4e-7;
  for (int kind = 0; activation_name(kind) != NULL; kind++) {
    const char *name = activation_name(kind);
    const struct activation phi = {kind, (real)0.3};
    double worst = 0.0, worst_slope = 0.0, worst_curvature = 0.0;
    for (int i = 0; i < COUNT; i++) {
      s[i] = (real)(-40.0 + 80.0 * i / COUNT + 1.0 / 64);
    }
    activation_curve(phi, all, s, slope, curvature);
    for (int i = 0; i < COUNT; i++) {
      const double x = (double)(real)(-40.0 + 80.0 * i / COUNT + 1.0 / 64);
      const double h = 1e-5, value = reference(name, x);
      const double difference = (reference(name, x + h) - reference(name, x - h)) / (2 * h);
      const double wide = 1e-3,
                   second = (reference(name, x + wide) - 2 * value + reference(name, x - wide)) /
                            (wide * wide);
      worst_curvature = fmax(worst_curvature, fabs((double)curvature[i] - second));
      worst = fmax(worst, fabs((double)s[i] - value) / fmax(1.0, fabs(value)));
      worst_slope = fmax(worst_slope, fabs((double)slope[i] - difference));
    }
    CHECK(worst < precision, "%s: error of the value %g", name, worst);
    CHECK(worst_slope < 1e-6, "%s: error of the slope %g", name, worst_slope);
    CHECK(worst_curvature < 2e-6, "%s: error of the curvature %g", name, worst_curvature);
  }
  // Values and slopes are the same beside curvatures, and NaN stays NaN.
  for (int kind = 0; activation_name(kind) != NULL; kind++) {
    real again[REAL_PAD] = {(real)NAN, -3, -1, 0, 1, 3}, plain[REAL_PAD], slopes[2][REAL_PAD];
    const struct activation_block one = {1, REAL_PAD, REAL_PAD};
    const struct activation phi = {kind, (real)0.3};
    memcpy(plain, again, sizeof plain);
    activation_forward(phi, one, plain, slopes[0]);
    activation_curve(phi, one, again, slopes[1], curvature);
    CHECK(memcmp(plain + 1, again + 1, sizeof plain - sizeof *plain) == 0 &&
              memcmp(slopes[0] + 1, slopes[1] + 1, sizeof plain - sizeof *plain) == 0 &&
              isnan(plain[0]),
          "%s with curvatures", activation_name(kind));
  }
  // GELU's tail, to its last digits, and beyond where it still changes.
  const struct activation gelu = {ACTIVATION_GELU, 0};
  double tail = 0.0;
  for (int i = 0; i < COUNT; i++) s[i] = (real)(-12.5 * (i + 1) / COUNT);
  activation_forward(gelu, all, s, slope);
  for (int i = 0; i < COUNT; i++) {
    const double value = reference("gelu", (double)(real)(-12.5 * (i + 1) / COUNT));
    tail = fmax(tail, fabs((double)s[i] / value - 1));
  }
  CHECK(tail < 3 * precision, "gelu: relative error of the tail %g", tail);
  const real far[] = {-1e30f, -40, 40, 1e30f};
  for (int i = 0; i < COUNT; i++) s[i] = far[i % 4];
  activation_curve(gelu, all, s, slope, curvature);
  for (int i = 0; i < COUNT; i++) {
    const double sign = far[i % 4] > 0;
    CHECK(fabs((double)(s[i] - (sign > 0 ? far[i % 4] : 0))) < 1e-30 &&
              fabs((double)slope[i] - sign) < 1e-30 && fabs((double)curvature[i]) < 1e-30,
          "gelu at %g: %g, %g, %g", (double)far[i % 4], (double)s[i], (double)slope[i],
          (double)curvature[i]);
  }
  real extreme[REAL_PAD] = {-1e30f, 1e30f, (real)NAN}, slopes[REAL_PAD];
  const struct activation_block one = {1, REAL_PAD, REAL_PAD};
  activation_forward((struct activation){ACTIVATION_ELU, 0}, one, extreme, slopes);
  CHECK(fabs((double)extreme[0] + 1) < 1e-6 && extreme[1] > 1e29f, "ELU saturates");
  CHECK(isnan(extreme[2]), "NaN stays NaN");
  CHECK(activation_name(-1) == NULL && activation_name(99) == NULL, "no name beyond the table");
  return test_summary();
}
