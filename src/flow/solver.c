#include "flow/solver.h"

#include "ground/text.h"

extern const struct solver_ops solver_lbfgs, solver_amd, solver_amd_nesterov, solver_euler,
    solver_rk4, solver_heun, solver_dopri5;

static const struct solver_ops *const solvers[] = {
    [SOLVER_LBFGS] = &solver_lbfgs, [SOLVER_AMD] = &solver_amd,   [SOLVER_EULER] = &solver_euler,
    [SOLVER_RK4] = &solver_rk4,     [SOLVER_HEUN] = &solver_heun, [SOLVER_DOPRI5] = &solver_dopri5,
};

static const char *const times[] = {[TIME_MEAN] = "mean", [TIME_SUM] = "sum"};
static const char *const couplings[] = {[COUPLING_NONE] = "none", [COUPLING_BATCH] = "batch"};
static const char *const statuses[] = {
    [STATUS_CONVERGED] = "converged", [STATUS_TAU] = "tau",
    [STATUS_LIMIT] = "limit",         [STATUS_UNDERFLOW] = "underflow",
    [STATUS_NONFINITE] = "nonfinite",
};

const char *solver_name(int kind) { return IN_TABLE(solvers, kind) ? solvers[kind]->name : NULL; }

const struct solver_ops *solver_ops(const struct solver_options *options) {
  const bool second = options->solver == SOLVER_AMD && options->flow == FLOW_NESTEROV;
  return second ? &solver_amd_nesterov : solvers[options->solver];
}

int solver_stages(const struct solver_options *options) {
  const struct butcher *tableau = solver_ops(options)->tableau;
  if (tableau != NULL) return tableau->stages - (tableau->fsal ? 1 : 0);
  return options->solver == SOLVER_LBFGS ? 0 : 1;
}

const char *solver_time_name(int kind) { return IN_TABLE(times, kind) ? times[kind] : NULL; }

const char *solver_coupling_name(int kind) {
  return IN_TABLE(couplings, kind) ? couplings[kind] : NULL;
}

const char *status_name(int status) { return IN_TABLE(statuses, status) ? statuses[status] : NULL; }
