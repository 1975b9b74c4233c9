#include "flow/flow.h"

#include <string.h>

#include "ground/text.h"

// ---- gradient: f = -alpha g(z), so (df/dz)^T mu = -alpha H mu ----

static void gradient_rhs(double alpha, double clock, size_t stride, const real *s, const real *g,
                         real *f) {
  (void)clock, (void)s;
  for (size_t i = 0; i < stride; i++) f[i] = (real)-alpha * g[i];
}

static void gradient_direction(double alpha, double clock, size_t stride, const real *mu, real *v) {
  (void)clock;
  for (size_t i = 0; i < stride; i++) v[i] = (real)-alpha * mu[i];
}

static void gradient_transpose(double clock, size_t stride, const real *mu, const real *product,
                               real *nu) {
  (void)clock, (void)mu;
  memcpy(nu, product, stride * sizeof *nu);
}

static const struct flow_ops gradient = {.name = "gradient",
                                         .components = 1,
                                         .rhs = gradient_rhs,
                                         .direction = gradient_direction,
                                         .transpose = gradient_transpose,
                                         .transpose_adjoint = gradient_transpose};

// ---- nesterov: f = (p, -(3/t) p - alpha g(z)) ----
//
// At t = 0 the solution has p = -alpha g t/4 + ..., so -(3/t) p - alpha g tends to -alpha g / 4. In
// the same way the adjoint has lambda_p = lambda_z t/2 + ... there, so lambda_z - (3/t) lambda_p
// tends to -lambda_z / 2.

// The factor of g in dp/dt.
static real pull(double alpha, double clock) { return (real)(clock > 0.0 ? -alpha : -alpha / 4); }

static real damping(double clock) { return (real)(clock > 0.0 ? 3.0 / clock : 0.0); }

static void nesterov_rhs(double alpha, double clock, size_t stride, const real *s, const real *g,
                         real *f) {
  const real force = pull(alpha, clock), friction = damping(clock);
  const real *p = s + stride;
  for (size_t i = 0; i < stride; i++) {
    f[i] = p[i];
    f[stride + i] = force * g[i] - friction * p[i];
  }
}

// With mu = (a, b): (df/dtheta)^T mu = d/dtheta [pull b . g].
static void nesterov_direction(double alpha, double clock, size_t stride, const real *mu, real *v) {
  const real force = pull(alpha, clock);
  for (size_t i = 0; i < stride; i++) v[i] = force * mu[stride + i];
}

// (df/ds)^T (a, b) = (pull H b, a - (3/t) b).
static void nesterov_transpose(double clock, size_t stride, const real *mu, const real *product,
                               real *nu) {
  const real friction = damping(clock);
  memcpy(nu, product, stride * sizeof *nu);
  for (size_t i = 0; i < stride; i++) nu[stride + i] = mu[i] - friction * mu[stride + i];
}

static void nesterov_transpose_adjoint(double clock, size_t stride, const real *lambda,
                                       const real *product, real *nu) {
  nesterov_transpose(clock, stride, lambda, product, nu);
  if (clock > 0.0) return;
  for (size_t i = 0; i < stride; i++) nu[stride + i] = (real)-0.5 * lambda[i];
}

static const struct flow_ops nesterov = {.name = "nesterov",
                                         .components = 2,
                                         .rhs = nesterov_rhs,
                                         .direction = nesterov_direction,
                                         .transpose = nesterov_transpose,
                                         .transpose_adjoint = nesterov_transpose_adjoint};

// ---- the table ----

static const struct flow_ops *const table[] = {
    [FLOW_GRADIENT] = &gradient,
    [FLOW_NESTEROV] = &nesterov,
};

const char *flow_name(int kind) { return IN_TABLE(table, kind) ? table[kind]->name : NULL; }

const struct flow_ops *flow_ops(enum flow_kind kind) { return table[kind]; }
