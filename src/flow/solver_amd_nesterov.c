// Adaptive minimise distance for the second-order flow (METHOD section 2): semi-implicit Euler,
// with the step chosen so that the energy E = alpha loss + |p|^2 / 2 does not rise.
#include <math.h>
#include <string.h>

#include "flow/solver.h"

enum { WINDOW = 5 };  // steps in a row that must change the loss little: it falls in waves

// Vectors are padded and lie behind the struct in the same block.
struct amd {
  struct solver_state common;        // point: the trial z + h p+
  real *z, *p, *gradient, *p_trial;  // p_trial: the trial p+
  double t, clock, h, step;          // flow time, damping clock, step control, present step
  int64_t reductions;                // of the present step
  int standing;                      // steps in a row without a relative change of `tolerance`
  bool begun, restarted;
};

static size_t header_size(void) { return (sizeof(struct amd) + 63) / 64 * 64; }

static size_t state_size(const struct solver_options *options, size_t d) {
  (void)options;
  return header_size() + 5 * real_padded(d) * sizeof(real);
}

static void start(const struct solver_options *options, const struct solver_problem *problem,
                  const real *z, struct solver_state *state) {
  struct amd *a = (struct amd *)state;
  const size_t stride = real_padded(problem->d);
  *a = (struct amd){.common.loss = INFINITY, .h = options->h0};
  a->z = (real *)(void *)((char *)a + header_size());
  a->p = a->z + stride;
  a->gradient = a->p + stride;
  a->p_trial = a->gradient + stride;
  a->common.point = a->p_trial + stride;
  memcpy(a->z, z, stride * sizeof *z);
  memset(a->p, 0, stride * sizeof *z);
  memcpy(a->common.point, z, stride * sizeof *z);
  if (problem->trajectory != NULL)
    trajectory_begin(problem->trajectory, problem->d, 1, options->max_iterations);
}

// p+ = (p - h alpha g) / (1 + 3 h / (t + h)), z+ = z + h p+; the last step ends at tau.
static enum solver_status try_step(struct amd *a, const struct solver_options *options,
                                   const struct solver_problem *problem) {
  a->step = problem->replay != NULL ? problem->replay->steps[a->common.iterations].h
                                    : fmin(a->h, options->tau - a->t);
  const real damped = (real)(1.0 / (1.0 + 3.0 * a->step / (a->clock + a->step)));
  const real h = (real)a->step, force = (real)(a->step * problem->alpha);
  for (size_t i = 0; i < real_padded(problem->d); i++) {
    a->p_trial[i] = damped * (a->p[i] - force * a->gradient[i]);
    a->common.point[i] = a->z[i] + h * a->p_trial[i];
  }
  return STATUS_RUNNING;
}

// Ends at z, the last accepted point.
static enum solver_status finish(struct amd *a, const struct solver_problem *problem,
                                 enum solver_status status) {
  memcpy(a->common.point, a->z, real_padded(problem->d) * sizeof *a->z);
  return status;
}

// E+ <= E up to 1e-6 of alpha loss. The trial is the first to see the loss at its end.
static bool accepts(const struct amd *a, const struct solver_problem *problem, double loss) {
  const double before = problem->alpha * a->common.loss + 0.5 * solver_dot(problem->d, a->p, a->p);
  const double after = problem->alpha * loss + 0.5 * solver_dot(problem->d, a->p_trial, a->p_trial);
  return after <= before + 1e-6 * problem->alpha * fabs(a->common.loss);
}

static enum solver_status reject(struct amd *a, const struct solver_options *options,
                                 const struct solver_problem *problem) {
  a->common.rejected++;
  if (++a->reductions > options->max_reductions) {
    const double square = solver_dot(problem->d, a->gradient, a->gradient);
    const bool flat = a->step * problem->alpha * square < 1e-6 * fabs(a->common.loss);
    return finish(a, problem, flat ? STATUS_CONVERGED : STATUS_UNDERFLOW);
  }
  a->h = options->shrink * a->step;
  return try_step(a, options, problem);
}

static void accept(struct amd *a, const struct solver_options *options,
                   const struct solver_problem *problem, double loss) {
  const size_t bytes = real_padded(problem->d) * sizeof(real);
  if (problem->trajectory != NULL)
    trajectory_append(problem->trajectory,
                      (struct trajectory_step){a->clock, a->step, a->restarted}, a->z, a->p,
                      a->common.point);
  const double change = fabs(a->common.loss - loss);
  a->standing = change < options->tolerance * fabs(a->common.loss) ? a->standing + 1 : 0;
  a->common.iterations++;
  a->reductions = 0;
  a->clock += a->step;
  if (a->step >= options->tau - a->t)
    a->t = options->tau;  // a shortened step does not feed the step control
  else {
    a->t += a->step;
    a->h = fmin(fmax(options->growth * a->step, options->h_min), options->h_max);
  }
  memcpy(a->z, a->common.point, bytes);
  memcpy(a->p, a->p_trial, bytes);
}

// Begins a step at z, where loss and gradient are known; the momentum is dropped if it climbs.
static enum solver_status begin_step(struct amd *a, const struct solver_options *options,
                                     const struct solver_problem *problem) {
  a->restarted = problem->replay != NULL
                     ? problem->replay->steps[a->common.iterations].restarted
                     : options->restart && solver_dot(problem->d, a->p, a->gradient) > 0.0;
  if (a->restarted) {
    memset(a->p, 0, real_padded(problem->d) * sizeof *a->p);
    a->clock = 0.0;
  }
  return try_step(a, options, problem);
}

static enum solver_status advance(const struct solver_options *options,
                                  const struct solver_problem *problem, double loss,
                                  const real *gradient, struct solver_state *state) {
  struct amd *a = (struct amd *)state;
  const double square = solver_dot(problem->d, gradient, gradient);
  const bool finite = isfinite(loss) && isfinite(square) &&
                      isfinite(solver_dot(problem->d, a->common.point, a->common.point));
  if (a->begun) {
    if (problem->replay == NULL && (!finite || !accepts(a, problem, loss)))
      return reject(a, options, problem);
    accept(a, options, problem, loss);
  }
  a->begun = true;
  a->common.loss = loss;
  if (!finite) return finish(a, problem, STATUS_NONFINITE);
  memcpy(a->gradient, gradient, real_padded(problem->d) * sizeof *gradient);
  if (problem->trajectory != NULL) trajectory_complete(problem->trajectory, a->p);
  if (problem->replay != NULL)
    return a->common.iterations < problem->replay->count ? begin_step(a, options, problem)
                                                         : finish(a, problem, STATUS_LIMIT);
  const bool at_rest = square == 0.0 && solver_dot(problem->d, a->p, a->p) == 0.0;
  if (at_rest || a->standing >= WINDOW) return finish(a, problem, STATUS_CONVERGED);
  if (a->t >= options->tau) return finish(a, problem, STATUS_TAU);
  if (a->common.iterations >= options->max_iterations) return finish(a, problem, STATUS_LIMIT);
  return begin_step(a, options, problem);
}

const struct solver_ops solver_amd_nesterov = {.name = "amd",
                                               .controls_step = true,
                                               .state_size = state_size,
                                               .start = start,
                                               .advance = advance};
