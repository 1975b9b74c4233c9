// The flows as equations (src/flow/README.md, "The two flows"): ds/dt = f(t, s; theta), where the
// state s is the latent z alone or (z, p) with p = dz/dt. Any explicit ODE solver runs either.
#ifndef GFE_FLOW_H
#define GFE_FLOW_H

#include <stddef.h>

#include "ground/real.h"

enum flow_kind {
  FLOW_GRADIENT,  // dz/dt = -alpha g(z)
  FLOW_NESTEROV,  // d^2z/dt^2 + (3/t) dz/dt + alpha g(z) = 0 (Su, Boyd, Candes 2016)
  FLOW_COUNT
};
const char *flow_name(int kind);

// Vectors of `stride` elements; a state has `components` of them, one after the other. `clock` is
// the time since the flow began or was restarted; it enters the damping term alone.
struct flow_ops {
  const char *name;
  size_t components;
  // f(clock, s), given g at the latent of s.
  void (*rhs)(double alpha, double clock, size_t stride, const real *s, const real *g, real *f);
  // The v for which (df/dtheta)^T mu = d/dtheta [v . g].
  void (*direction)(double alpha, double clock, size_t stride, const real *mu, real *v);
  // nu = (df/ds)^T mu, given H v for that v.
  void (*transpose)(double clock, size_t stride, const real *mu, const real *product, real *nu);
  // The same along an adjoint lambda that solves the adjoint equation, which has a different limit
  // as clock goes to 0.
  void (*transpose_adjoint)(double clock, size_t stride, const real *lambda, const real *product,
                            real *nu);
};

const struct flow_ops *flow_ops(enum flow_kind kind);

#endif
