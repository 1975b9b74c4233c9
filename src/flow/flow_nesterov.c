// The ODE of Nesterov's method: f = (p, -(3/t) p - alpha g(z)).
//
// At t = 0 the solution has p = -alpha g t/4 + ..., so -(3/t) p - alpha g tends to -alpha g / 4. In
// the same way the adjoint has lambda_p = lambda_z t/2 + ... there, so lambda_z - (3/t) lambda_p
// tends to -lambda_z / 2.
#include <string.h>

#include "flow/flow.h"

// The factor of g in dp/dt.
static real pull(double alpha, double clock) { return (real)(clock > 0.0 ? -alpha : -alpha / 4); }

static real damping(double clock) { return (real)(clock > 0.0 ? 3.0 / clock : 0.0); }

static void rhs(double alpha, double clock, size_t stride, const real *s, const real *g, real *f) {
  const real force = pull(alpha, clock), friction = damping(clock);
  const real *p = s + stride;
  for (size_t i = 0; i < stride; i++) {
    f[i] = p[i];
    f[stride + i] = force * g[i] - friction * p[i];
  }
}

// With mu = (a, b): (df/dtheta)^T mu = d/dtheta [pull b . g].
static void direction(double alpha, double clock, size_t stride, const real *mu, real *v) {
  const real force = pull(alpha, clock);
  for (size_t i = 0; i < stride; i++) v[i] = force * mu[stride + i];
}

// (df/ds)^T (a, b) = (pull H b, a - (3/t) b).
static void transpose(double clock, size_t stride, const real *mu, const real *product, real *nu) {
  const real friction = damping(clock);
  memcpy(nu, product, stride * sizeof *nu);
  for (size_t i = 0; i < stride; i++) nu[stride + i] = mu[i] - friction * mu[stride + i];
}

static void transpose_adjoint(double clock, size_t stride, const real *lambda, const real *product,
                              real *nu) {
  transpose(clock, stride, lambda, product, nu);
  if (clock > 0.0) return;
  for (size_t i = 0; i < stride; i++) nu[stride + i] = (real)-0.5 * lambda[i];
}

const struct flow_ops flow_nesterov = {.name = "nesterov",
                                       .components = 2,
                                       .rhs = rhs,
                                       .direction = direction,
                                       .transpose = transpose,
                                       .transpose_adjoint = transpose_adjoint};
