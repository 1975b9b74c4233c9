#include "flow/solver.h"

#include <assert.h>

#include "ground/text.h"

static const struct solver_ops *const solvers[][FLOW_COUNT] = {
    [SOLVER_LBFGS] = {[FLOW_GRADIENT] = &solver_lbfgs},
    [SOLVER_AMD] = {[FLOW_GRADIENT] = &solver_amd, [FLOW_NESTEROV] = &solver_amd_nesterov},
    [SOLVER_EULER] = {[FLOW_GRADIENT] = &solver_euler, [FLOW_NESTEROV] = &solver_euler},
    [SOLVER_RK4] = {[FLOW_GRADIENT] = &solver_rk4, [FLOW_NESTEROV] = &solver_rk4},
    [SOLVER_HEUN] = {[FLOW_GRADIENT] = &solver_heun, [FLOW_NESTEROV] = &solver_heun},
    [SOLVER_DOPRI5] = {[FLOW_GRADIENT] = &solver_dopri5, [FLOW_NESTEROV] = &solver_dopri5},
};

static const char *const times[] = {[TIME_MEAN] = "mean", [TIME_SUM] = "sum"};
static const char *const couplings[] = {[COUPLING_NONE] = "none", [COUPLING_BATCH] = "batch"};
static const char *const statuses[] = {
    [STATUS_CONVERGED] = "converged", [STATUS_TAU] = "tau",
    [STATUS_LIMIT] = "limit",         [STATUS_UNDERFLOW] = "underflow",
    [STATUS_NONFINITE] = "nonfinite",
};

const char *solver_name(int kind) {
  return IN_TABLE(solvers, kind) ? solvers[kind][FLOW_GRADIENT]->name : NULL;
}

const struct solver_ops *solver_find(enum solver_kind kind, enum flow_kind flow) {
  assert(IN_TABLE(solvers, kind) && IN_TABLE(solvers[kind], flow));
  return solvers[kind][flow];
}

const struct solver_ops *solver_ops(const struct solver_options *options) {
  const struct solver_ops *ops = solver_find(options->solver, options->flow);
  assert(ops != NULL);
  return ops;
}

int solver_stages(const struct solver_options *options) {
  const struct solver_ops *ops = solver_ops(options);
  if (ops->tableau != NULL) return ops->tableau->stages - (ops->tableau->fsal ? 1 : 0);
  return ops->ends_at_minimum ? 0 : 1;
}

const char *solver_time_name(int kind) { return IN_TABLE(times, kind) ? times[kind] : NULL; }

const char *solver_coupling_name(int kind) {
  return IN_TABLE(couplings, kind) ? couplings[kind] : NULL;
}

const char *status_name(int status) { return IN_TABLE(statuses, status) ? statuses[status] : NULL; }
