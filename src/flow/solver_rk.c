// Explicit Runge-Kutta methods for either flow: a fixed step, or error control per sample.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "flow/solver.h"
#include "ground/memory.h"
#include "numerics/portable.h"

// The step control (Hairer, Norsett, Wanner 1993, II.4): a proportional-integral controller.
static const double safety = 0.9, smallest_factor = 0.2, largest_factor = 5.0;

// Vectors are padded; the arrays follow the struct in the same block.
struct rk {
  struct solver_state common;  // point: the latent of the trial, the first component of `trial`
  real *s, *trial;             // [components] state at the beginning of the step, and at the stage
  real *k;                     // [stages][components]
  real *points;                // [stages] latents of the stages
  double t, clock, h, step;    // time, damping clock, step control, present step
  double error_before;         // error of the last accepted step, 1 = what is allowed
  int stage;
  bool restarted;
};

static const struct butcher *tableau_of(const struct solver_options *options) {
  return solver_ops(options)->tableau;
}

static size_t vector_size(const struct solver_options *options, size_t d) {
  return flow_ops(options->flow)->components * real_padded(d);
}

static size_t header_size(void) { return memory_rounded(sizeof(struct rk)); }

static size_t state_size(const struct solver_options *options, size_t d) {
  const size_t stages = (size_t)tableau_of(options)->stages;
  return header_size() +
         ((2 + stages) * vector_size(options, d) + stages * real_padded(d)) * sizeof(real);
}

static void start(const struct solver_options *options, const struct solver_problem *problem,
                  const real *z, struct solver_state *state) {
  struct rk *r = (struct rk *)state;
  const size_t size = vector_size(options, problem->d), stride = real_padded(problem->d);
  const size_t stages = (size_t)tableau_of(options)->stages;
  assert(options->step > 0.0 && (problem->replay == NULL || problem->replay->stride == stride));
  *r = (struct rk){.common.loss = INFINITY, .h = options->step, .error_before = 1.0};
  r->s = (real *)(void *)((char *)r + header_size());
  r->trial = r->s + size;
  r->k = r->trial + size;
  r->points = r->k + stages * size;
  memset(r->s, 0, 2 * size * sizeof *r->s);
  memcpy(r->s, z, stride * sizeof *z);
  memcpy(r->trial, z, stride * sizeof *z);
  r->common.point = r->trial;
  if (problem->trajectory != NULL)
    trajectory_begin(problem->trajectory, problem->d, solver_stages(options),
                     options->max_iterations);
}

static enum solver_status finish(struct rk *r, const struct solver_problem *problem,
                                 enum solver_status status) {
  memcpy(r->common.point, r->s, real_padded(problem->d) * sizeof *r->s);
  return status;
}

// Z_i = s + h sum_j a_ij k_j, where the next evaluation is wanted.
static void place_stage(struct rk *r, const struct butcher *tableau, size_t size) {
  memcpy(r->trial, r->s, size * sizeof *r->s);
  for (int j = 0; j < r->stage; j++) {
    const real factor = (real)(r->step * tableau->a[r->stage][j]);
    if (factor == 0) continue;
    const real *k = r->k + (size_t)j * size;
    for (size_t i = 0; i < size; i++) r->trial[i] += factor * k[i];
  }
}

// k_i = f(clock + c_i h, Z_i) from the gradient at Z_i.
static void take_stage(struct rk *r, const struct solver_options *options,
                       const struct solver_problem *problem, const real *gradient) {
  const size_t size = vector_size(options, problem->d), stride = real_padded(problem->d);
  const double clock = r->clock + butcher_time(tableau_of(options), r->stage) * r->step;
  memcpy(r->points + (size_t)r->stage * stride, r->trial, stride * sizeof *r->trial);
  flow_ops(options->flow)
      ->rhs(problem->alpha, clock, stride, r->trial, gradient, r->k + (size_t)r->stage * size);
}

// The length of the step that begins now, shortened to end at tau; a remainder that is mere
// rounding is included in it.
static double step_length(const struct rk *r, const struct solver_options *options,
                          const struct solver_problem *problem) {
  if (problem->replay != NULL) return problem->replay->steps[r->common.iterations].h;
  const double left = options->tau - r->t;
  return left <= r->h * (1.0 + 1e-9) ? left : r->h;
}

// The momentum points uphill: p.g > 0.
static bool climbs(const struct rk *r, const struct solver_options *options,
                   const struct solver_problem *problem, const real *gradient) {
  if (options->flow != FLOW_NESTEROV) return false;
  if (problem->replay != NULL) return problem->replay->steps[r->common.iterations].restarted;
  return options->restart && solver_dot(problem->d, r->s + real_padded(problem->d), gradient) > 0;
}

static enum solver_status begin_step(struct rk *r, const struct solver_options *options,
                                     const struct solver_problem *problem, double loss,
                                     const real *gradient) {
  const struct butcher *tableau = tableau_of(options);
  const size_t size = vector_size(options, problem->d), stride = real_padded(problem->d);
  const double square = solver_dot(problem->d, gradient, gradient);
  const bool finite = isfinite(loss) && isfinite(square);
  r->common.loss = loss;
  r->stage = 0;
  memcpy(r->trial, r->s, size * sizeof *r->s);
  take_stage(r, options, problem, gradient);
  if (problem->trajectory != NULL && finite) trajectory_complete(problem->trajectory, r->k);
  if (!finite) return finish(r, problem, STATUS_NONFINITE);
  const int64_t last = problem->replay != NULL ? problem->replay->count : options->max_iterations;
  if (problem->replay == NULL && r->t >= options->tau) return finish(r, problem, STATUS_TAU);
  if (r->common.iterations >= last) return finish(r, problem, STATUS_LIMIT);
  if (problem->replay == NULL && square == 0.0 && solver_dot(problem->d, r->k, r->k) == 0.0)
    return finish(r, problem, STATUS_CONVERGED);
  r->restarted = climbs(r, options, problem, gradient);
  if (r->restarted) {
    memset(r->s + stride, 0, stride * sizeof *r->s);
    r->clock = 0.0;
    memcpy(r->trial, r->s, size * sizeof *r->s);
    take_stage(r, options, problem, gradient);
  }
  r->step = step_length(r, options, problem);
  if (tableau->stages == 1) return STATUS_RUNNING;
  r->stage = 1;
  place_stage(r, tableau, size);
  return STATUS_RUNNING;
}

// s+ = s + h sum_i b_i k_i, into `trial`.
static void combine(struct rk *r, const struct butcher *tableau, size_t size) {
  memcpy(r->trial, r->s, size * sizeof *r->s);
  for (int i = 0; i < tableau->stages; i++) {
    const real factor = (real)(r->step * tableau->b[i]);
    const real *k = r->k + (size_t)i * size;
    for (size_t j = 0; j < size && factor != 0; j++) r->trial[j] += factor * k[j];
  }
}

// The estimated error in units of what is allowed, root mean square over the state's numbers.
static double error_of(const struct rk *r, const struct solver_options *options,
                       const struct solver_problem *problem) {
  const struct butcher *tableau = tableau_of(options);
  const size_t size = vector_size(options, problem->d), stride = real_padded(problem->d);
  double sum = 0.0;
  for (size_t j = 0; j < size; j++) {
    if (j % stride >= problem->d) continue;
    double error = 0.0;
    for (int i = 0; i < tableau->stages; i++)
      error += (tableau->b[i] - tableau->b_low[i]) * (double)r->k[(size_t)i * size + j];
    const double scale = fmax(fabs((double)r->s[j]), fabs((double)r->trial[j]));
    error *= r->step / (options->atol + options->rtol * scale);
    sum += error * error;
  }
  return sqrt(sum / (double)(problem->d * (size / stride)));
}

// Tries again with a shorter step.
static enum solver_status reject(struct rk *r, const struct solver_options *options,
                                 const struct solver_problem *problem, double factor) {
  const size_t size = vector_size(options, problem->d);
  r->common.rejected++;
  r->h = r->step * factor;
  if (!(r->h >= options->step_floor)) return finish(r, problem, STATUS_UNDERFLOW);
  r->step = r->h;
  r->stage = 1;
  place_stage(r, tableau_of(options), size);
  return STATUS_RUNNING;
}

// Judges a step once all its stages are complete. False if it is rejected; *status then says what
// follows.
static bool accept(struct rk *r, const struct solver_options *options,
                   const struct solver_problem *problem, enum solver_status *status) {
  const struct butcher *tableau = tableau_of(options);
  if (tableau->adaptive && problem->replay == NULL) {
    const double power = 1.0 / tableau->order, error = fmax(error_of(r, options, problem), 1e-10);
    if (!(error <= 1.0)) {
      const double factor =
          isfinite(error) ? safety * portable_pow(error, -power) : smallest_factor;
      *status = reject(r, options, problem, fmax(factor, smallest_factor));
      return false;
    }
    const double factor =
        safety * portable_pow(error, -0.7 * power) * portable_pow(r->error_before, 0.4 * power);
    r->error_before = error;
    r->h = r->step * fmin(fmax(factor, smallest_factor), largest_factor);
  }
  return true;
}

// The step is accepted: records it and moves on.
static void move(struct rk *r, const struct solver_options *options,
                 const struct solver_problem *problem) {
  const size_t size = vector_size(options, problem->d);
  if (problem->trajectory != NULL)
    trajectory_append(problem->trajectory,
                      (struct trajectory_step){r->clock, r->step, r->restarted}, r->points, r->k,
                      r->trial);
  memcpy(r->s, r->trial, size * sizeof *r->s);
  const bool last = r->step >= options->tau - r->t;
  r->t = last ? options->tau : r->t + r->step;
  r->clock += r->step;
  r->common.iterations++;
}

static enum solver_status advance(const struct solver_options *options,
                                  const struct solver_problem *problem, double loss,
                                  const real *gradient, struct solver_state *state) {
  struct rk *r = (struct rk *)state;
  const struct butcher *tableau = tableau_of(options);
  const size_t size = vector_size(options, problem->d);
  enum solver_status status = STATUS_RUNNING;
  if (r->stage == 0) {
    // The evaluation at the beginning of a step, which is the end of the previous one.
    status = begin_step(r, options, problem, loss, gradient);
    if (status != STATUS_RUNNING || tableau->stages > 1) return status;
  } else {
    if (!isfinite(loss) || !isfinite(solver_dot(problem->d, gradient, gradient)))
      return tableau->adaptive && problem->replay == NULL
                 ? reject(r, options, problem, smallest_factor)
                 : finish(r, problem, STATUS_NONFINITE);
    take_stage(r, options, problem, gradient);
    if (++r->stage < tableau->stages) {
      place_stage(r, tableau, size);
      return STATUS_RUNNING;
    }
  }
  combine(r, tableau, size);
  if (!accept(r, options, problem, &status)) return status;
  move(r, options, problem);
  r->stage = 0;
  return tableau->fsal ? begin_step(r, options, problem, loss, gradient) : STATUS_RUNNING;
}

#define OPS(method)                                                        \
  const struct solver_ops solver_##method = {.name = #method,              \
                                             .tableau = &butcher_##method, \
                                             .state_size = state_size,     \
                                             .start = start,               \
                                             .advance = advance}
OPS(euler);
OPS(rk4);
OPS(heun);
OPS(dopri5);
