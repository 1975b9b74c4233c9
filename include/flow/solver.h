// Solvers of the flows (flow.h): small state machines, one per sample, in reverse communication. A
// solver says at which z it needs loss and gradient, receives them, and says whether it continues.
// It never calls the decoder: that is what lets the engine advance thousands of independent
// adaptive flows in full matrix products.
//
// There is one file and one row of the table in solver.c per solver. src/flow/README.md describes
// the methods.
#ifndef GFE_SOLVER_H
#define GFE_SOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/butcher.h"
#include "flow/flow.h"
#include "flow/trajectory.h"
#include "ground/real.h"

// How a sample's flow ended; the names are those of status_name() and of the files.
enum solver_status {
  STATUS_CONVERGED,  // the loss has stopped falling
  STATUS_TAU,        // integrated to time tau
  STATUS_LIMIT,      // max_iterations reached
  STATUS_UNDERFLOW,  // no acceptable step, however small
  STATUS_NONFINITE,  // loss or gradient is not finite
  STATUS_COUNT,
  STATUS_RUNNING = -1
};
const char *status_name(int status);  // NULL beyond the last

enum solver_kind { SOLVER_LBFGS, SOLVER_AMD, SOLVER_EULER, SOLVER_RK4, SOLVER_HEUN, SOLVER_DOPRI5 };
const char *solver_name(int kind);  // NULL beyond the last, as for all *_name functions

enum solver_time { TIME_MEAN, TIME_SUM };  // unit of flow time: for the mean loss or for the sum
const char *solver_time_name(int kind);

enum solver_coupling { COUPLING_NONE, COUPLING_BATCH };
const char *solver_coupling_name(int kind);

// The keys of the sections `encoding` and `evaluation`.
struct solver_options {
  enum flow_kind flow;
  enum solver_kind solver;
  enum solver_time time;
  enum solver_coupling coupling;
  double alpha;            // factor of the flow's right-hand side
  double tau;              // flow time at which to end (all but lbfgs)
  bool root_loss;          // the flow is down the square root of the loss
  double tolerance;        // relative decrease in a step below which a flow has converged
  double slope;            // amd: mean decrease per step of the last 5 losses, likewise
  int64_t max_iterations;  // maximum number of accepted steps
  int64_t memory;          // lbfgs: pairs kept
  double h0, h_min, h_max, growth, shrink;  // amd: step sizes, in flow time, and their factors
  double armijo;                            // amd: sigma
  int64_t max_reductions;                   // amd: maximum number of rejected trials of one step
  bool restart;                             // nesterov: set the momentum to 0 whenever p.g > 0
  double step;                              // euler, rk4: the step; heun, dopri5: the first trial
  double step_floor;                        // heun, dopri5: a smaller step ends the flow
  double rtol, atol;                        // heun, dopri5: error allowed per step, rtol |s| + atol
};

// A sample's problem as a solver sees it.
struct solver_problem {
  size_t d;      // numbers in a latent; arrays here are padded to real_padded(d), with zeros
  double alpha;  // options.alpha, times the sum of weights if time is that of the summed loss
  struct trajectory *trajectory;    // where accepted steps are recorded, or NULL
  const struct trajectory *replay;  // whose steps are taken, unconditionally, or NULL
  const real *metric;  // lbfgs: a first guess of the inverse Hessian, [d][real_padded(d)], or NULL
  bool near;           // the metric is that of a point near the start, not a mean over many
  const void *curvature;  // what an earlier flow of the sample has kept (keep_curvature), or NULL
};

// The common beginning of every solver's state.
struct solver_state {
  real *point;         // where loss and gradient are needed next; at the end, the latent found
  double loss;         // of the best point accepted so far
  int64_t iterations;  // accepted steps
  int64_t rejected;    // rejected trials
};

// Everything there is to know about a solver for a flow.
struct solver_ops {
  const char *name;
  const struct butcher *tableau;  // a step as the adjoint sees it; NULL: solver-specific or none
  bool ends_at_minimum;  // rather than at a time: no trajectory, and the adjoint's term vanishes
  bool controls_step;    // starts with the step h0 and keeps it in [h_min, h_max]
  bool shares_step;      // can use one step for a whole batch, COUPLING_BATCH
  bool takes_metric;     // of problem.metric
  // Bytes of one sample's state.
  size_t (*state_size)(const struct solver_options *options, size_t d);
  // Begins a flow at z: fills `state`. The first evaluation is requested at z itself.
  void (*start)(const struct solver_options *options, const struct solver_problem *problem,
                const real *z, struct solver_state *state);
  // Takes loss and gradient at the requested point. Returns STATUS_RUNNING if the flow continues,
  // otherwise how it ended.
  enum solver_status (*advance)(const struct solver_options *options,
                                const struct solver_problem *problem, double loss,
                                const real *gradient, struct solver_state *state);
  // NULL: it learns nothing. Bytes of what a flow learns about the curvature of the loss, and
  // storing it there; all bytes 0: nothing has been learned.
  size_t (*curvature_size)(const struct solver_options *options, size_t d);
  void (*keep_curvature)(const struct solver_options *options, const struct solver_problem *problem,
                         const struct solver_state *state, void *curvature);
};

extern const struct solver_ops solver_lbfgs, solver_amd, solver_amd_nesterov, solver_euler,
    solver_rk4, solver_heun, solver_dopri5;

// The row of a solver for a flow (amd has one for each); NULL if it cannot follow that flow.
const struct solver_ops *solver_find(enum solver_kind kind, enum flow_kind flow);

// The row that the options ask for, which must exist.
const struct solver_ops *solver_ops(const struct solver_options *options);

// Number of points per step in a trajectory of this solver; 0 if it records none (lbfgs).
int solver_stages(const struct solver_options *options);

// Dot product of two padded vectors, summed in double.
static inline double solver_dot(size_t d, const real *a, const real *b) {
  enum { LANES = 8 };
  double lane[LANES] = {0};
  for (size_t i = 0; i < real_padded(d); i += LANES)
    for (size_t j = 0; j < LANES; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

// Whether a step along p passes the plain Armijo test or the approximate Wolfe test of Hager and
// Zhang (2005), which still works where differences of the loss are lost in rounding. `slope` is
// g.p at the beginning of the step, `slope_end` at its end, and `step` multiplies p.
static inline bool solver_accepts(double armijo, double step, double loss, double loss_end,
                                  double slope, double slope_end) {
  return loss_end <= loss + armijo * step * slope ||
         (loss_end <= loss * (1.0 + 1e-6) && slope_end <= -(1.0 - 2.0 * armijo) * slope);
}

#endif
