// The Taylor test of a gradient: for the correct derivative f' along a line, the remainder
// f(h) - f(0) - h f' falls as h^2.
#ifndef GFE_TAYLOR_H
#define GFE_TAYLOR_H

enum { TAYLOR_STEPS = 8 };

struct taylor {
  double h[TAYLOR_STEPS];          // h_0, h_0 / 2, ...
  double remainder[TAYLOR_STEPS];  // |f(h) - f(0) - h f'|
  // Of log remainder against log h: 2 if f' is correct. NaN if fewer than three remainders exceed
  // the rounding.
  double slope;
};

typedef double taylor_function(double h, void *context);

// Tests `derivative` as f'(0), with steps from `first` downwards.
struct taylor taylor_test(taylor_function *f, void *context, double derivative, double first);

#endif
