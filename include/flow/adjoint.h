// The adjoint of one sample's flow (src/flow/README.md, "Adjoints"), in reverse communication: it
// requests H v for certain z and v, and the mixed derivatives d/dtheta [v . g(z)], which come with
// these products, add up to the flow's contribution to dL/dtheta,
//
//   dL/dtheta = d loss/d theta at z(tau) + sum over requests of d/dtheta [v . g(z)].
#ifndef GFE_ADJOINT_H
#define GFE_ADJOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/solver.h"
#include "flow/trajectory.h"
#include "ground/real.h"

enum adjoint_kind {
  ADJOINT_NONE,       // the paper's approximation: the flow's contribution is dropped
  ADJOINT_DISCRETE,   // the exact derivative of the flow as it was computed
  ADJOINT_CONTINUOUS  // the adjoint equation, by RK4 on the accepted grid with cubic Hermite z(t)
};
const char *adjoint_name(int kind);

// Bytes of one sample's state.
size_t adjoint_state_size(const struct solver_options *options, size_t d);

// Starts at the end of `trajectory` (borrowed) with lambda = (gradient at z(tau), 0). `alpha` is
// the flow's factor for this sample. `state` is a zeroed or used block of adjoint_state_size()
// bytes.
void adjoint_start(enum adjoint_kind kind, const struct solver_options *options, size_t d,
                   double alpha, const struct trajectory *trajectory, const real *gradient,
                   void *state);

// Puts the next request into z and v (padded). False once the beginning of the flow is reached.
bool adjoint_request(void *state, real *z, real *v);

// Takes H v for the last request.
void adjoint_receive(void *state, const real *product);

#endif
