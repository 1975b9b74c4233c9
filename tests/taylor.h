// The Taylor test: for the right gradient g, f(h) - f(0) - h g falls as h^2.
#ifndef GFE_TAYLOR_H
#define GFE_TAYLOR_H

#include <math.h>

// The slope of log |f(h) - f(0) - h g| against log h, by least squares over h = first, first / 2, ...;
// remainders at the level of rounding are left out. NaN if fewer than three are left.
static inline double taylor_slope(double (*f)(double h, void *context), void *context,
                                  double gradient, double first) {
  double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  const double zero = f(0.0, context);
  double h = first;
  for (int k = 0; k < 8; k++, h /= 2) {
    const double remainder = fabs(f(h, context) - zero - h * gradient);
    if (remainder < 1e-13 * fmax(1.0, fabs(zero))) continue;
    const double u = log(h), v = log(remainder);
    n += 1.0;
    x += u;
    y += v;
    xx += u * u;
    xy += u * v;
  }
  return n < 3.0 ? NAN : (n * xy - x * y) / (n * xx - x * x);
}

#endif
