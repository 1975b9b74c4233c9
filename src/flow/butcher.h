// Butcher tableaux of explicit Runge-Kutta methods, as data.
#ifndef GFE_BUTCHER_H
#define GFE_BUTCHER_H

#include <stdbool.h>

enum { BUTCHER_STAGES = 7 };

// Stage i: Z_i = s + h sum_{j<i} a[i][j] k_j, k_i = f(t + c_i h, Z_i), with c_i = sum_j a[i][j];
// s+ = s + h sum_i b[i] k_i. If adaptive, sum_i (b[i] - b_low[i]) k_i h estimates the error of
// b_low.
struct butcher {
  int stages, order;
  bool adaptive;
  bool fsal;  // the last stage is the first of the next step
  double a[BUTCHER_STAGES][BUTCHER_STAGES], b[BUTCHER_STAGES], b_low[BUTCHER_STAGES];
};

extern const struct butcher butcher_euler;   // order 1
extern const struct butcher butcher_rk4;     // the classical method of order 4 (Kutta 1901)
extern const struct butcher butcher_heun;    // Heun-Euler 2(1)
extern const struct butcher butcher_dopri5;  // Dormand and Prince 5(4), 1980

// c_i.
double butcher_time(const struct butcher *tableau, int stage);

#endif
