// The gradient flow: f = -alpha g(z), so (df/dz)^T mu = -alpha H mu.
#include <string.h>

#include "flow/flow.h"

static void rhs(double alpha, double clock, size_t stride, const real *s, const real *g, real *f) {
  (void)clock, (void)s;
  for (size_t i = 0; i < stride; i++) f[i] = (real)-alpha * g[i];
}

static void direction(double alpha, double clock, size_t stride, const real *mu, real *v) {
  (void)clock;
  for (size_t i = 0; i < stride; i++) v[i] = (real)-alpha * mu[i];
}

static void transpose(double clock, size_t stride, const real *mu, const real *product, real *nu) {
  (void)clock, (void)mu;
  memcpy(nu, product, stride * sizeof *nu);
}

const struct flow_ops flow_gradient = {.name = "gradient",
                                       .components = 1,
                                       .rhs = rhs,
                                       .direction = direction,
                                       .transpose = transpose,
                                       .transpose_adjoint = transpose};
