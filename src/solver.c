#include "solver.h"

extern const struct solver_ops solver_lbfgs, solver_amd;

static const struct solver_ops *const solvers[] = {
    [SOLVER_LBFGS] = &solver_lbfgs,
    [SOLVER_AMD] = &solver_amd,
};

static const char *const flows[] = {[FLOW_GRADIENT] = "gradient"};
static const char *const times[] = {[TIME_MEAN] = "mean", [TIME_SUM] = "sum"};
static const char *const couplings[] = {[COUPLING_NONE] = "none", [COUPLING_BATCH] = "batch"};
static const char *const statuses[] = {
    [STATUS_CONVERGED] = "converged", [STATUS_TAU] = "tau",
    [STATUS_LIMIT] = "limit",         [STATUS_UNDERFLOW] = "underflow",
    [STATUS_NONFINITE] = "nonfinite",
};

#define ENTRY(table, kind) \
  (kind >= 0 && (size_t)(kind) < sizeof(table) / sizeof *(table) ? (table)[kind] : NULL)

const struct solver_ops *solver_ops(int kind) { return ENTRY(solvers, kind); }

const char *solver_name(int kind) {
  const struct solver_ops *ops = solver_ops(kind);
  return ops == NULL ? NULL : ops->name;
}

const char *flow_name(int kind) { return ENTRY(flows, kind); }

const char *solver_time_name(int kind) { return ENTRY(times, kind); }

const char *solver_coupling_name(int kind) { return ENTRY(couplings, kind); }

const char *status_name(int status) { return ENTRY(statuses, status); }
