#include "numerics/taylor.h"

#include <assert.h>
#include <math.h>

#include "numerics/portable.h"

// Least squares through the points whose remainder is above the rounding of f.
static double fitted_slope(const struct taylor *t, double rounding) {
  double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  for (int k = 0; k < TAYLOR_STEPS; k++) {
    if (!(t->remainder[k] >= rounding)) continue;
    const double u = portable_log(t->h[k]), v = portable_log(t->remainder[k]);
    n += 1.0;
    x += u;
    y += v;
    xx += u * u;
    xy += u * v;
  }
  return n < 3.0 ? NAN : (n * xy - x * y) / (n * xx - x * x);
}

struct taylor taylor_test(taylor_function *f, void *context, double derivative, double first) {
  assert(first > 0.0);
  struct taylor t;
  const double zero = f(0.0, context);
  double h = first;
  for (int k = 0; k < TAYLOR_STEPS; k++, h /= 2) {
    t.h[k] = h;
    t.remainder[k] = fabs(f(h, context) - zero - h * derivative);
  }
  t.slope = fitted_slope(&t, 1e-13 * fmax(1.0, fabs(zero)));
  return t;
}
