// One side of a bilinear model while the other is held fixed: outputs x_k = f_k . c for given
// features f_k, the last of which multiplies the bias. For least squares, and for cross-entropy
// with a ridge on the part other than the bias, so that there is a minimum even if all targets are
// 0 or 1. The ridge also applies to terms without weight, so that missing entries do not take
// arbitrary values.
#ifndef GFE_POD_REGRESSION_H
#define GFE_POD_REGRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/loss.h"

// Minimises sum_k w_k l(x_k, t_k) + ridge/2 p_k^2 in the first `unknowns` numbers of c, with p_k
// = x_k - f_kd c_d; l is (x - t)^2 / 2, or softplus(x) - t x.
struct pod_regression {
  enum loss_kind loss;
  double ridge;            // may be set from problem to problem
  size_t d, unknowns;      // features without that of the bias; d, or d + 1
  size_t count, columns;   // terms; columns of features, DENSE_COLUMNS or a multiple
  size_t room;             // the same for terms
  const double *features;  // [count][columns], 0 beyond column d
  const double *across;    // the same transposed: [d + 1][room], 0 beyond the last term
  double *t, *w;           // [room] owned, for the caller to fill
  // What was found at the last point (owned):
  double value;
  double *gradient;  // [columns]
  double *matrix;    // [unknowns][unknowns] second derivatives, the lower triangle
  double *x, *weighted, *parts, *vectors, *step, *next;
};

// For up to `room` terms.
struct pod_regression *pod_regression_create(enum loss_kind loss, double ridge, size_t d,
                                             size_t unknowns, size_t room);
void pod_regression_destroy(struct pod_regression **regression);

// Makes `across` [d + 1][room] of features.
void pod_regression_transpose(size_t count, size_t d, const double *features, double *across);
size_t pod_regression_room(size_t count);

size_t pod_regression_columns(size_t d);  // of features for d and the bias

// At c [columns]: the value alone; then, if wanted, the gradient; then the matrix.
double pod_regression_value(struct pod_regression *regression, const double *c);
void pod_regression_gradient(struct pod_regression *regression, const double *c);
void pod_regression_matrix(struct pod_regression *regression);

// step [unknowns] becomes matrix^-1 step; if the terms do not determine it, the smallest solution.
void pod_regression_solve(struct pod_regression *regression, double *step);

// Goes from c to the minimum by damped Newton steps; the value there.
double pod_regression_minimise(struct pod_regression *regression, double *c);

// The target used for an entry y in [0, 1] with cross-entropy, and a corresponding logit; the
// ridge. Targets are kept away from 0 and 1 by 1 %.
double pod_regression_target(double y);
double pod_regression_logit(double y);
extern const double pod_regression_ridge;

#endif
