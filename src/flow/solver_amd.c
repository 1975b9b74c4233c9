// Adaptive minimise distance (METHOD section 2): explicit Euler on the gradient flow, with the step
// chosen by descent of the loss, here for each sample by itself.
#include <math.h>
#include <string.h>

#include "flow/solver.h"

enum { WINDOW = 5 };  // losses that the slope test looks at

// Vectors are padded and lie behind the struct in the same block.
struct amd {
  struct solver_state common;  // point: the trial z - h alpha g
  real *z, *gradient, *slope;
  double t, h, step;      // flow time, step control, step of the present trial
  double square;          // |g|^2
  double losses[WINDOW];  // of the last accepted points, a ring
  int64_t reductions;     // of the present step
  int standing;           // steps in a row without a relative decrease of `tolerance`
  bool begun;
};

static size_t header_size(void) { return (sizeof(struct amd) + 63) / 64 * 64; }

static size_t state_size(const struct solver_options *options, size_t d) {
  (void)options;
  return header_size() + 4 * real_padded(d) * sizeof(real);
}

static void start(const struct solver_options *options, const struct solver_problem *problem,
                  const real *z, struct solver_state *state) {
  struct amd *a = (struct amd *)state;
  const size_t stride = real_padded(problem->d);
  *a = (struct amd){.common.loss = INFINITY, .h = options->h0};
  a->z = (real *)(void *)((char *)a + header_size());
  a->gradient = a->z + stride;
  a->slope = a->gradient + stride;
  a->common.point = a->slope + stride;
  memcpy(a->z, z, stride * sizeof *z);
  memcpy(a->common.point, z, stride * sizeof *z);
  if (problem->trajectory != NULL)
    trajectory_begin(problem->trajectory, problem->d, 1, options->max_iterations);
}

// z+ = z - h alpha g; the last step is shortened to end at tau.
static enum solver_status try_step(struct amd *a, const struct solver_options *options,
                                   const struct solver_problem *problem) {
  a->step = problem->replay != NULL ? problem->replay->steps[a->common.iterations].h
                                    : fmin(a->h, options->tau - a->t);
  const real factor = (real)(a->step * problem->alpha);
  for (size_t i = 0; i < real_padded(problem->d); i++)
    a->common.point[i] = a->z[i] - factor * a->gradient[i];
  return STATUS_RUNNING;
}

// Ends at z, the last accepted point.
static enum solver_status finish(struct amd *a, const struct solver_problem *problem,
                                 enum solver_status status) {
  memcpy(a->common.point, a->z, real_padded(problem->d) * sizeof *a->z);
  return status;
}

static enum solver_status reject(struct amd *a, const struct solver_options *options,
                                 const struct solver_problem *problem) {
  a->common.rejected++;
  if (++a->reductions > options->max_reductions) {
    const bool flat = a->step * problem->alpha * a->square < 1e-6 * fabs(a->common.loss);
    return finish(a, problem, flat ? STATUS_CONVERGED : STATUS_UNDERFLOW);
  }
  a->h = options->shrink * a->step;
  return try_step(a, options, problem);
}

// dz/dt = -alpha g.
static const real *slope(struct amd *a, const struct solver_problem *problem) {
  for (size_t i = 0; i < real_padded(problem->d); i++)
    a->slope[i] = (real)-problem->alpha * a->gradient[i];
  return a->slope;
}

static void record_step(struct amd *a, const struct solver_problem *problem) {
  if (problem->trajectory == NULL) return;
  trajectory_append(problem->trajectory, (struct trajectory_step){.clock = a->t, .h = a->step},
                    a->z, slope(a, problem), a->common.point);
}

static void accept(struct amd *a, const struct solver_options *options,
                   const struct solver_problem *problem, double loss) {
  record_step(a, problem);
  const double decrease = a->common.loss - loss;
  a->standing = decrease < options->tolerance * fabs(a->common.loss) ? a->standing + 1 : 0;
  a->common.iterations++;
  a->reductions = 0;
  if (a->step >= options->tau - a->t)
    a->t = options->tau;  // a shortened step does not feed the step control
  else {
    a->t += a->step;
    a->h = fmin(fmax(options->growth * a->step, options->h_min), options->h_max);
  }
  memcpy(a->z, a->common.point, real_padded(problem->d) * sizeof *a->z);
}

static bool stands_still(const struct amd *a, const struct solver_options *options) {
  if (options->slope <= 0.0) return a->standing >= 2;
  const int64_t k = a->common.iterations;
  const double fall = a->losses[(k + 1) % WINDOW] - a->losses[k % WINDOW];
  return k >= WINDOW - 1 && fall < options->slope * (WINDOW - 1);
}

static enum solver_status advance(const struct solver_options *options,
                                  const struct solver_problem *problem, double loss,
                                  const real *gradient, struct solver_state *state) {
  struct amd *a = (struct amd *)state;
  const size_t d = problem->d;
  const double square = solver_dot(d, gradient, gradient);
  const bool finite = isfinite(loss) && isfinite(square) &&
                      isfinite(solver_dot(d, a->common.point, a->common.point));
  if (a->begun) {
    if (!finite && problem->replay == NULL) return reject(a, options, problem);
    const double along = -solver_dot(d, gradient, a->gradient);
    if (problem->replay == NULL && !solver_accepts(options->armijo, a->step * problem->alpha,
                                                   a->common.loss, loss, -a->square, along))
      return reject(a, options, problem);
    accept(a, options, problem, loss);
  }
  a->begun = true;
  a->common.loss = loss;
  if (!finite) return finish(a, problem, STATUS_NONFINITE);
  a->square = square;
  a->losses[a->common.iterations % WINDOW] = loss;
  memcpy(a->gradient, gradient, real_padded(d) * sizeof *gradient);
  if (problem->trajectory != NULL) trajectory_complete(problem->trajectory, slope(a, problem));
  if (problem->replay != NULL)
    return a->common.iterations < problem->replay->count ? try_step(a, options, problem)
                                                         : finish(a, problem, STATUS_LIMIT);
  if (square == 0.0 || stands_still(a, options)) return finish(a, problem, STATUS_CONVERGED);
  if (a->t >= options->tau) return finish(a, problem, STATUS_TAU);
  if (a->common.iterations >= options->max_iterations) return finish(a, problem, STATUS_LIMIT);
  return try_step(a, options, problem);
}

const struct solver_ops solver_amd = {.name = "amd",
                                      .tableau = &butcher_euler,
                                      .controls_step = true,
                                      .shares_step = true,
                                      .state_size = state_size,
                                      .start = start,
                                      .advance = advance};
