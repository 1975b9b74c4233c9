// Adaptive minimise distance (src/flow/README.md, "Adaptive minimise distance"): Euler steps whose
// length is controlled by descent, here for each sample separately. On the gradient flow they are
// explicit and must lower the loss, on the second-order flow semi-implicit and must not raise the
// energy E = alpha loss + |p|^2 / 2.
#include "flow/solver_amd.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"

// ---- steps ----

struct amd_steps amd_begin(const struct solver_options *options) {
  return (struct amd_steps){.h = options->h0};
}

double amd_next(struct amd_steps *steps, const struct solver_options *options) {
  steps->step = fmin(steps->h, options->tau - steps->t);
  return steps->step;
}

bool amd_reduce(struct amd_steps *steps, const struct solver_options *options) {
  steps->h = options->shrink * steps->step;
  return ++steps->reductions <= options->max_reductions;
}

void amd_accept(struct amd_steps *steps, const struct solver_options *options, double loss,
                double decrease) {
  steps->standing = decrease < options->tolerance * fabs(loss) ? steps->standing + 1 : 0;
  steps->iterations++;
  steps->reductions = 0;
  if (steps->step >= options->tau - steps->t) {
    steps->t = options->tau;
  } else {
    steps->t += steps->step;
    steps->h = fmin(fmax(options->growth * steps->step, options->h_min), options->h_max);
  }
}

void amd_note(struct amd_steps *steps, double loss) {
  steps->losses[steps->iterations % AMD_WINDOW] = loss;
}

bool amd_rests(const struct amd_steps *steps, const struct solver_options *options) {
  if (options->slope <= 0.0) return steps->standing >= 2;
  const int64_t k = steps->iterations;
  const double fall = steps->losses[(k + 1) % AMD_WINDOW] - steps->losses[k % AMD_WINDOW];
  return k >= AMD_WINDOW - 1 && fall < options->slope * (AMD_WINDOW - 1);
}

// ---- a sample ----

// Vectors are padded and follow the struct in the same block.
struct amd {
  struct solver_state common;  // point: the trial
  struct amd_steps steps;
  real *z, *gradient;  // the last accepted point, the gradient there
  real *p;             // dz/dt there
  real *p_trial;       // nesterov: dz/dt at the trial
  double square;       // |gradient|^2
  double clock;        // damping clock: time since the flow began or was restarted
  bool begun, restarted;
};

// The differences between the two flows.
struct variant {
  // The trial from z over a step.
  void (*place)(struct amd *a, size_t stride, double alpha);
  // Whether a trial with this loss and gradient is accepted.
  bool (*accepts)(const struct amd *a, const struct solver_options *options, size_t d, double alpha,
                  double loss, const real *gradient);
  // p at the point that z has reached.
  void (*arrive)(struct amd *a, size_t stride, double alpha);
  // Whether steps from z can no longer make progress.
  bool (*rests)(const struct amd *a, const struct solver_options *options, size_t d);
};

// ---- gradient: z+ = z - h alpha g ----

static void place_gradient(struct amd *a, size_t stride, double alpha) {
  const real factor = (real)(a->steps.step * alpha);
  for (size_t i = 0; i < stride; i++) a->common.point[i] = a->z[i] - factor * a->gradient[i];
}

static bool accepts_gradient(const struct amd *a, const struct solver_options *options, size_t d,
                             double alpha, double loss, const real *gradient) {
  return solver_accepts(options->armijo, a->steps.step * alpha, a->common.loss, loss, -a->square,
                        -solver_dot(d, gradient, a->gradient));
}

static void arrive_gradient(struct amd *a, size_t stride, double alpha) {
  for (size_t i = 0; i < stride; i++) a->p[i] = (real)-alpha * a->gradient[i];
}

static bool rests_gradient(const struct amd *a, const struct solver_options *options, size_t d) {
  (void)d;
  return a->square == 0.0 || amd_rests(&a->steps, options);
}

static const struct variant gradient_flow = {place_gradient, accepts_gradient, arrive_gradient,
                                             rests_gradient};

// ---- nesterov: p+ = (p - h alpha g) / (1 + 3 h / (t + h)), z+ = z + h p+ ----

static void place_nesterov(struct amd *a, size_t stride, double alpha) {
  const double step = a->steps.step;
  const real damped = (real)(1.0 / (1.0 + 3.0 * step / (a->clock + step)));
  const real h = (real)step, force = (real)(step * alpha);
  for (size_t i = 0; i < stride; i++) {
    a->p_trial[i] = damped * (a->p[i] - force * a->gradient[i]);
    a->common.point[i] = a->z[i] + h * a->p_trial[i];
  }
}

// E+ <= E up to 1e-6 of alpha loss. The loss at the end of the trial is first known here.
static bool accepts_nesterov(const struct amd *a, const struct solver_options *options, size_t d,
                             double alpha, double loss, const real *gradient) {
  (void)options, (void)gradient;
  const double before = alpha * a->common.loss + 0.5 * solver_dot(d, a->p, a->p);
  const double after = alpha * loss + 0.5 * solver_dot(d, a->p_trial, a->p_trial);
  return after <= before + 1e-6 * alpha * fabs(a->common.loss);
}

static void arrive_nesterov(struct amd *a, size_t stride, double alpha) {
  (void)alpha;
  memcpy(a->p, a->p_trial, stride * sizeof *a->p);
}

// The loss oscillates as it falls: several consecutive steps must change it little, up or down.
static bool rests_nesterov(const struct amd *a, const struct solver_options *options, size_t d) {
  (void)options;
  return (a->square == 0.0 && solver_dot(d, a->p, a->p) == 0.0) || a->steps.standing >= AMD_WINDOW;
}

static const struct variant second_order_flow = {place_nesterov, accepts_nesterov, arrive_nesterov,
                                                 rests_nesterov};

// ---- both ----

static const struct variant *variant_of(const struct solver_options *options) {
  return options->flow == FLOW_NESTEROV ? &second_order_flow : &gradient_flow;
}

static size_t header_size(void) { return memory_rounded(sizeof(struct amd)); }

static size_t state_size(const struct solver_options *options, size_t d) {
  return header_size() + (3 + flow_ops(options->flow)->components) * real_padded(d) * sizeof(real);
}

static void start(const struct solver_options *options, const struct solver_problem *problem,
                  const real *z, struct solver_state *state) {
  struct amd *a = (struct amd *)state;
  const size_t stride = real_padded(problem->d);
  *a = (struct amd){.common.loss = INFINITY, .steps = amd_begin(options)};
  a->z = (real *)(void *)((char *)a + header_size());
  a->gradient = a->z + stride;
  a->p = a->gradient + stride;
  a->common.point = a->p + stride;
  memcpy(a->z, z, stride * sizeof *z);
  memcpy(a->common.point, z, stride * sizeof *z);
  if (options->flow == FLOW_NESTEROV) {
    a->p_trial = a->common.point + stride;
    memset(a->p_trial, 0, stride * sizeof *z);
  }
  if (problem->trajectory != NULL)
    trajectory_begin(problem->trajectory, problem->d, 1, options->max_iterations);
}

static enum solver_status try_step(struct amd *a, const struct solver_options *options,
                                   const struct solver_problem *problem) {
  if (problem->replay != NULL)
    a->steps.step = problem->replay->steps[a->steps.iterations].h;
  else
    amd_next(&a->steps, options);
  variant_of(options)->place(a, real_padded(problem->d), problem->alpha);
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
  if (amd_reduce(&a->steps, options)) return try_step(a, options, problem);
  const bool flat = a->steps.step * problem->alpha * a->square < 1e-6 * fabs(a->common.loss);
  return finish(a, problem, flat ? STATUS_CONVERGED : STATUS_UNDERFLOW);
}

static void accept(struct amd *a, const struct solver_options *options,
                   const struct solver_problem *problem, double loss) {
  const double decrease = a->common.loss - loss;
  if (problem->trajectory != NULL)
    trajectory_append(problem->trajectory,
                      (struct trajectory_step){a->clock, a->steps.step, a->restarted}, a->z, a->p,
                      a->common.point);
  a->clock += a->steps.step;
  amd_accept(&a->steps, options, a->common.loss,
             options->flow == FLOW_NESTEROV ? fabs(decrease) : decrease);
  a->common.iterations = a->steps.iterations;
  memcpy(a->z, a->common.point, real_padded(problem->d) * sizeof *a->z);
}

// Begins a step at z, where loss and gradient are known; a momentum that climbs is dropped.
static enum solver_status begin_step(struct amd *a, const struct solver_options *options,
                                     const struct solver_problem *problem) {
  a->restarted = problem->replay != NULL ? problem->replay->steps[a->steps.iterations].restarted
                                         : options->flow == FLOW_NESTEROV && options->restart &&
                                               solver_dot(problem->d, a->p, a->gradient) > 0.0;
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
  const struct variant *variant = variant_of(options);
  const size_t d = problem->d;
  const double square = solver_dot(d, gradient, gradient);
  const bool finite = isfinite(loss) && isfinite(square) &&
                      isfinite(solver_dot(d, a->common.point, a->common.point));
  assert(problem->replay == NULL || a->steps.iterations <= problem->replay->count);
  if (a->begun) {
    if (problem->replay == NULL &&
        (!finite || !variant->accepts(a, options, d, problem->alpha, loss, gradient)))
      return reject(a, options, problem);
    accept(a, options, problem, loss);
  }
  a->begun = true;
  a->common.loss = loss;
  if (!finite) return finish(a, problem, STATUS_NONFINITE);
  a->square = square;
  amd_note(&a->steps, loss);
  memcpy(a->gradient, gradient, real_padded(d) * sizeof *gradient);
  variant->arrive(a, real_padded(d), problem->alpha);
  if (problem->trajectory != NULL) trajectory_complete(problem->trajectory, a->p);
  if (problem->replay != NULL)
    return a->steps.iterations < problem->replay->count ? begin_step(a, options, problem)
                                                        : finish(a, problem, STATUS_LIMIT);
  if (variant->rests(a, options, d)) return finish(a, problem, STATUS_CONVERGED);
  if (a->steps.t >= options->tau) return finish(a, problem, STATUS_TAU);
  if (a->steps.iterations >= options->max_iterations) return finish(a, problem, STATUS_LIMIT);
  return begin_step(a, options, problem);
}

const struct solver_ops solver_amd = {.name = "amd",
                                      .tableau = &butcher_euler,
                                      .controls_step = true,
                                      .shares_step = true,
                                      .state_size = state_size,
                                      .start = start,
                                      .advance = advance};

const struct solver_ops solver_amd_nesterov = {.name = "amd",
                                               .controls_step = true,
                                               .state_size = state_size,
                                               .start = start,
                                               .advance = advance};
