#include <math.h>

#include "numerics/taylor.h"
#include "support/test.h"

static double wave(double h, void *context) {
  (void)context;
  return sin(0.3 + h);
}

static double line(double h, void *context) {
  (void)context;
  return 2.0 * h;
}

int main(void) {
  const struct taylor right = taylor_test(wave, NULL, cos(0.3), 0.1);
  CHECK(fabs(right.slope - 2.0) < 0.05, "the right derivative has slope %g", right.slope);
  const struct taylor wrong = taylor_test(wave, NULL, cos(0.3) + 1e-3, 1e-3);
  CHECK(fabs(wrong.slope - 1.0) < 0.2, "a wrong derivative has slope %g", wrong.slope);
  const struct taylor exact = taylor_test(line, NULL, 2.0, 0.1);
  CHECK(isnan(exact.slope), "without remainders there is no slope: %g", exact.slope);
  return test_summary();
}
