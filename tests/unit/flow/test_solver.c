// The solvers by themselves, on losses whose flows and minima are known.
#include <math.h>
#include <string.h>

#include "flow/solver.h"
#include "ground/memory.h"
#include "support/test.h"

enum { D = 5 };

typedef double loss_function(const real *z, real *gradient);

// 1/2 sum a_i (z_i - 1)^2 + 1 with curvatures 1 ... 16.
static double quadratic(const real *z, real *gradient) {
  double loss = 1.0;
  for (int i = 0; i < D; i++) {
    const double a = pow(2.0, i), e = (double)z[i] - 1.0;
    loss += 0.5 * a * e * e;
    gradient[i] = (real)(a * e);
  }
  return loss;
}

// Rosenbrock's valley in the first two numbers, plus 1.
static double rosenbrock(const real *z, real *gradient) {
  const double x = (double)z[0], y = (double)z[1], r = y - x * x;
  gradient[0] = (real)(-2 * (1 - x) - 400 * x * r);
  gradient[1] = (real)(200 * r);
  return 1 + (1 - x) * (1 - x) + 100 * r * r;
}

// Concave at 0, as the reconstruction loss often is: cos(z_0) + sum of squares of the others + 2.
static double concave(const real *z, real *gradient) {
  double loss = 2.0 + cos((double)z[0] - 0.1);
  gradient[0] = (real)-sin((double)z[0] - 0.1);
  for (int i = 1; i < D; i++) {
    loss += ((double)z[i] - 1) * ((double)z[i] - 1);
    gradient[i] = 2 * (z[i] - 1);
  }
  return loss;
}

static double constant(const real *z, real *gradient) {
  (void)z;
  (void)gradient;
  return 0.7;
}

static double never_finite(const real *z, real *gradient) {
  (void)z;
  gradient[0] = 1;
  return NAN;
}

// Finite at the start only, so that no step can be accepted.
static double cliff(const real *z, real *gradient) {
  gradient[0] = 1;
  return z[0] == 0 ? 0.5 : INFINITY;
}

struct outcome {
  int status;
  int64_t evaluations, iterations;
  double loss;
  real z[REAL_PAD];
};

static struct outcome solve_by(const struct solver_options *options, loss_function *f,
                               const real *start, const real *metric) {
  const struct solver_ops *ops = solver_ops(options);
  const struct solver_problem problem = {.d = D, .alpha = options->alpha, .metric = metric};
  struct solver_state *state =
      (struct solver_state *)memory_allocate(1, ops->state_size(options, D));
  struct outcome outcome = {.status = STATUS_RUNNING};
  ops->start(options, &problem, start, state);
  while (outcome.status == STATUS_RUNNING && outcome.evaluations < 100000) {
    real gradient[REAL_PAD] = {0};
    const double loss = f(state->point, gradient);
    outcome.evaluations++;
    outcome.status = ops->advance(options, &problem, loss, gradient, state);
  }
  outcome.iterations = state->iterations;
  outcome.loss = state->loss;
  memcpy(outcome.z, state->point, sizeof outcome.z);
  memory_free(&state);
  return outcome;
}

static struct outcome solve(const struct solver_options *options, loss_function *f,
                            const real *start) {
  return solve_by(options, f, start, NULL);
}

static const struct solver_options lbfgs = {
    .solver = SOLVER_LBFGS, .alpha = 1, .tolerance = 1e-7, .max_iterations = 200, .memory = 10};
static const struct solver_options amd = {.solver = SOLVER_AMD,
                                          .alpha = 1,
                                          .tau = 1e4,
                                          .tolerance = 1e-7,
                                          .max_iterations = 20000,
                                          .h0 = 0.05,
                                          .h_min = 0.01,
                                          .h_max = 10,
                                          .growth = 1.1,
                                          .shrink = 0.5,
                                          .armijo = 1e-5,
                                          .max_reductions = 20};
static const real origin[REAL_PAD] = {0};

static void minima(void) {
  const struct {
    const char *name;
    loss_function *f;
    double loss;
    int64_t most_lbfgs, most_amd;
  } cases[] = {{"quadratic", quadratic, 1, 25, 300},
               {"rosenbrock", rosenbrock, 1, 80, 20000},
               {"concave", concave, 1, 40, 300}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct outcome fast = solve(&lbfgs, cases[i].f, origin);
    CHECK(fast.status == STATUS_CONVERGED, "lbfgs %s: %s", cases[i].name, status_name(fast.status));
    CHECK(fabs(fast.loss - cases[i].loss) < 1e-5, "lbfgs %s: loss %.9g", cases[i].name, fast.loss);
    CHECK(fast.evaluations <= cases[i].most_lbfgs, "lbfgs %s: %lld evaluations", cases[i].name,
          (long long)fast.evaluations);
    const struct outcome slow = solve(&amd, cases[i].f, origin);
    CHECK(slow.status == STATUS_CONVERGED, "amd %s: %s", cases[i].name, status_name(slow.status));
    CHECK(fabs(slow.loss - cases[i].loss) < 1e-2, "amd %s: loss %.9g", cases[i].name, slow.loss);
    CHECK(slow.evaluations <= cases[i].most_amd, "amd %s: %lld evaluations", cases[i].name,
          (long long)slow.evaluations);
  }
}

// A saturated unit: flat to the last digit, with a gradient that is all but zero.
static double saturated(const real *z, real *gradient) {
  const double e = exp(-60.0 - (double)z[0]);
  gradient[0] = (real)-e;
  return 0.5 + e;
}

static void check_endings(const struct solver_options *options) {
  char name[64];
  snprintf(name, sizeof name, "%s on %s", solver_name(options->solver), flow_name(options->flow));
  struct outcome o = solve(options, constant, origin);
  CHECK(o.status == STATUS_CONVERGED && o.evaluations == 1, "%s with zero gradient: %s", name,
        status_name(o.status));
  o = solve(options, never_finite, origin);
  CHECK(o.status == STATUS_NONFINITE && o.evaluations == 1, "%s without a loss: %s", name,
        status_name(o.status));
  CHECK(o.z[0] == 0, "%s without a loss stays", name);
  o = solve(options, saturated, origin);
  CHECK(o.status != STATUS_RUNNING && o.status != STATUS_NONFINITE && isfinite(o.z[0]) &&
            fabs(o.loss - 0.5) < 1e-9,
        "%s with a saturated unit: %s, z %g", name, status_name(o.status), (double)o.z[0]);
  o = solve(options, cliff, origin);
  // Methods that see the loss at a step's end only when the next begins have moved by then.
  const bool sees_end = options->solver == SOLVER_LBFGS || options->solver == SOLVER_AMD ||
                        options->solver == SOLVER_DOPRI5;
  CHECK(sees_end ? o.status == STATUS_UNDERFLOW || o.status == STATUS_CONVERGED
                 : o.status == STATUS_NONFINITE || o.status == STATUS_UNDERFLOW,
        "%s at a cliff: %s", name, status_name(o.status));
  CHECK(!sees_end || (o.z[0] == 0 && o.loss == 0.5), "%s at a cliff stays: %g", name,
        (double)o.z[0]);
  if (options->solver != SOLVER_LBFGS) {
    struct solver_options at_once = *options;
    at_once.tau = 0.0;
    o = solve(&at_once, quadratic, origin);
    CHECK(o.status == STATUS_TAU && o.evaluations == 1 && o.z[0] == 0, "%s until tau 0: %s", name,
          status_name(o.status));
  }
  struct solver_options limited = *options;
  limited.max_iterations = 3;
  o = solve(&limited, quadratic, origin);
  CHECK(o.status == STATUS_LIMIT && o.iterations == 3, "%s limited: %s", name,
        status_name(o.status));
}

static void endings(void) {
  check_endings(&lbfgs);
  const int solvers[] = {SOLVER_AMD, SOLVER_EULER, SOLVER_RK4, SOLVER_HEUN, SOLVER_DOPRI5};
  for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++)
    for (int flow = 0; flow_name(flow) != NULL; flow++) {
      struct solver_options options = amd;
      options.solver = solvers[k];
      options.flow = flow;
      options.step = 0.01;
      options.step_floor = 1e-6;
      options.rtol = options.atol = 1e-3;
      options.max_iterations = 500;
      check_endings(&options);
    }
}

// AMD with constant steps is Euler: z after k steps of h is 1 - (1 - h a)^k, up to tau exactly.
static void amd_follows_the_flow(void) {
  struct solver_options options = amd;
  options.h0 = options.h_min = options.h_max = 0.03;
  options.growth = 1.0;
  options.tolerance = 0.0;
  options.tau = 0.1;
  const struct outcome o = solve(&options, quadratic, origin);
  CHECK(o.status == STATUS_TAU && o.iterations == 4, "%s after %lld steps", status_name(o.status),
        (long long)o.iterations);
  for (int i = 0; i < D; i++) {
    const double a = pow(2.0, i), rest = pow(1 - 0.03 * a, 3) * (1 - 0.01 * a);
    CHECK(fabs((double)o.z[i] - (1 - rest)) < 1e-6, "z[%d] = %.9g, not %.9g", i, (double)o.z[i],
          1 - rest);
  }
  options.tau = 0.0;
  const struct outcome none = solve(&options, quadratic, origin);
  CHECK(none.status == STATUS_TAU && none.evaluations == 1 && none.z[0] == 0, "tau 0: %s",
        status_name(none.status));
}

// Far beyond the stability limit 2 / 16 a step must be halved until it descends.
static void amd_reduces_steps(void) {
  struct solver_options options = amd;
  options.h0 = options.h_max = 10;
  const struct outcome o = solve(&options, quadratic, origin);
  CHECK(o.status == STATUS_CONVERGED, "%s", status_name(o.status));
  CHECK(o.evaluations > o.iterations + 5, "no step was rejected");
  options.max_reductions = 2;
  options.h_min = 10;
  const struct outcome stuck = solve(&options, quadratic, origin);
  CHECK(stuck.status == STATUS_UNDERFLOW, "two reductions cannot do: %s",
        status_name(stuck.status));
}

static void amd_slope_test(void) {
  struct solver_options options = amd;
  options.h0 = options.h_min = options.h_max = 0.01;
  options.slope = 1e-3;
  const struct outcome o = solve(&options, quadratic, origin);
  CHECK(o.status == STATUS_CONVERGED, "%s", status_name(o.status));
  // The excess of the slowest number, (1 - h)^2k / 2, falls by 2 h of itself per step.
  const double excess = o.loss - 1.0, fall = 2 * 0.01 * excess;
  CHECK(fall > 0.7e-3 && fall < 1.1e-3, "stopped when falling by %g per step", fall);
}

static void lbfgs_caps_a_warm_start(void) {
  real start[REAL_PAD] = {0};
  for (int i = 0; i < D; i++) start[i] = (real)1.02;
  const struct outcome o = solve(&lbfgs, quadratic, start);
  CHECK(o.status == STATUS_CONVERGED && fabs(o.loss - 1.0) < 1e-5, "%s, loss %.9g",
        status_name(o.status), o.loss);
  CHECK(o.evaluations < 20, "%lld evaluations from nearby", (long long)o.evaluations);
}

// With the inverse Hessian, every step is along the straight line to the minimum.
static void lbfgs_by_a_metric(void) {
  real metric[D * REAL_PAD] = {0};
  for (int i = 0; i < D; i++) metric[i * REAL_PAD + i] = (real)pow(0.5, i);
  const struct outcome o = solve_by(&lbfgs, quadratic, origin, metric);
  CHECK(o.status == STATUS_CONVERGED && fabs(o.loss - 1.0) < 1e-6, "%s, loss %.9g",
        status_name(o.status), o.loss);
  CHECK(o.evaluations <= 5, "%lld evaluations by the metric", (long long)o.evaluations);
  CHECK(solve(&lbfgs, quadratic, origin).evaluations > 7, "and more without");
}

int main(void) {
  minima();
  endings();
  amd_follows_the_flow();
  amd_reduces_steps();
  amd_slope_test();
  lbfgs_caps_a_warm_start();
  lbfgs_by_a_metric();
  return test_summary();
}
