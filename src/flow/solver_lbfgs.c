// Limited-memory BFGS (Nocedal 1980): a quasi-Newton descent of one sample's loss, which heads for
// the end of the gradient flow instead of following its path. The constants are explained in
// src/flow/README.md, "L-BFGS".
#include <assert.h>
#include <math.h>
#include <string.h>

#include "flow/solver.h"
#include "ground/memory.h"

enum { MAX_REDUCTIONS = 20 };

static const double armijo = 1e-4;
static const double first_decrease = 0.1;  // of the loss, expected of a step without curvature
                                           // information
static const double first_length = 0.01;   // maximum length of such a step, relative to that of a
                                           // warm start
static const double first_newton = 0.5;    // of the whole step that a mean metric suggests
static const double longest_step = 1e3;    // times sqrt(d), for any step: a plateau has no scale

// Vectors are padded; the arrays follow the struct in the same block.
struct lbfgs {
  struct solver_state common;  // point: the trial z + step p
  real *z, *gradient, *p, *scratch;
  real *s, *y;          // [memory] steps and gradient differences, a ring
  double *inverse;      // [memory] 1 / s.y
  double *coefficient;  // [memory] of the two loops
  double slope;         // gradient.p
  double step, start_length;
  int64_t pairs, newest;  // of the ring
  int reductions;         // of the present step
  int standing;           // steps in a row without a relative decrease of `tolerance`
  bool begun;
};

// What is kept of it: this and, behind it, `inverse`, `s` and `y`.
struct learned {
  int64_t pairs, newest;
};

static size_t inverse_bytes(const struct solver_options *options) {
  return memory_rounded((size_t)options->memory * sizeof(double));
}

static size_t pairs_bytes(const struct solver_options *options, size_t d) {
  return 2 * (size_t)options->memory * real_padded(d) * sizeof(real);
}

static size_t curvature_size(const struct solver_options *options, size_t d) {
  return memory_rounded(sizeof(struct learned)) + inverse_bytes(options) + pairs_bytes(options, d);
}

static size_t state_size(const struct solver_options *options, size_t d) {
  const size_t header = memory_rounded(sizeof(struct lbfgs));
  const size_t memory = (size_t)options->memory;
  const size_t doubles = memory_rounded(2 * memory * sizeof(double));
  return header + doubles + (5 + 2 * memory) * real_padded(d) * sizeof(real);
}

static void start(const struct solver_options *options, const struct solver_problem *problem,
                  const real *z, struct solver_state *state) {
  struct lbfgs *b = (struct lbfgs *)state;
  const size_t stride = real_padded(problem->d), memory = (size_t)options->memory;
  assert(memory > 0 && problem->replay == NULL && problem->trajectory == NULL);
  *b = (struct lbfgs){.common.loss = INFINITY};
  char *block = (char *)b + memory_rounded(sizeof *b);
  b->inverse = (double *)(void *)block;
  b->coefficient = b->inverse + memory;
  block += memory_rounded(2 * memory * sizeof(double));
  b->z = (real *)(void *)block;
  b->gradient = b->z + stride;
  b->p = b->gradient + stride;
  b->scratch = b->p + stride;
  b->common.point = b->scratch + stride;
  b->s = b->common.point + stride;
  b->y = b->s + memory * stride;
  memcpy(b->z, z, stride * sizeof *z);
  memcpy(b->common.point, z, stride * sizeof *z);
  b->start_length = sqrt(solver_dot(problem->d, z, z));
  if (problem->curvature == NULL) return;
  const struct learned *learned = problem->curvature;
  const char *kept = (const char *)learned + memory_rounded(sizeof *learned);
  b->pairs = learned->pairs;
  b->newest = learned->newest;
  memcpy(b->inverse, kept, memory * sizeof *b->inverse);
  memcpy(b->s, kept + inverse_bytes(options), pairs_bytes(options, problem->d));
}

static void keep_curvature(const struct solver_options *options,
                           const struct solver_problem *problem, const struct solver_state *state,
                           void *curvature) {
  const struct lbfgs *b = (const struct lbfgs *)state;
  struct learned *learned = curvature;
  char *kept = (char *)learned + memory_rounded(sizeof *learned);
  *learned = (struct learned){.pairs = b->pairs, .newest = b->newest};
  memcpy(kept, b->inverse, (size_t)options->memory * sizeof *b->inverse);
  memcpy(kept + inverse_bytes(options), b->s, pairs_bytes(options, problem->d));
}

static void add(size_t stride, real factor, const real *restrict x, real *restrict y) {
  for (size_t i = 0; i < stride; i++) y[i] += factor * x[i];
}

// scratch = H0 x: the metric's product, or x itself without one.
static const real *through_metric(struct lbfgs *b, const struct solver_problem *problem,
                                  const real *x) {
  const size_t d = problem->d, stride = real_padded(d);
  if (problem->metric == NULL) return x;
  for (size_t i = 0; i < d; i++)
    b->scratch[i] = (real)solver_dot(d, problem->metric + i * stride, x);
  return b->scratch;
}

static void multiply(size_t stride, real factor, const real *x, real *y) {
  for (size_t i = 0; i < stride; i++) y[i] = factor * x[i];
}

// p = -H g by the two loops over the pairs, with H0 scaled by s.y / y.H0 y of the newest.
static void direction(struct lbfgs *b, const struct solver_options *options,
                      const struct solver_problem *problem) {
  const size_t d = problem->d, stride = real_padded(d);
  multiply(stride, -1, b->gradient, b->p);
  if (b->pairs == 0) {
    multiply(stride, 1, through_metric(b, problem, b->p), b->p);
    return;
  }
  const real *y_newest = b->y + (size_t)b->newest * stride;
  for (int64_t k = 0; k < b->pairs; k++) {
    const int64_t i = (b->newest - k + options->memory) % options->memory;
    const size_t at = (size_t)i * stride;
    b->coefficient[i] = b->inverse[i] * solver_dot(d, b->s + at, b->p);
    add(stride, (real)-b->coefficient[i], b->y + at, b->p);
  }
  const double square = solver_dot(d, y_newest, through_metric(b, problem, y_newest));
  multiply(stride, (real)(1.0 / (b->inverse[b->newest] * square)), through_metric(b, problem, b->p),
           b->p);
  for (int64_t k = b->pairs - 1; k >= 0; k--) {
    const int64_t i = (b->newest - k + options->memory) % options->memory;
    const size_t at = (size_t)i * stride;
    const double beta = b->inverse[i] * solver_dot(d, b->y + at, b->p);
    add(stride, (real)(b->coefficient[i] - beta), b->s + at, b->p);
  }
}

static void try_step(struct lbfgs *b, size_t d) {
  for (size_t i = 0; i < real_padded(d); i++)  // a step may be beyond the range of float32
    b->common.point[i] = (real)((double)b->z[i] + b->step * (double)b->p[i]);
}

// Chooses direction and first trial of the next step from z.
static void begin_step(struct lbfgs *b, const struct solver_options *options,
                       const struct solver_problem *problem) {
  const size_t d = problem->d;
  direction(b, options, problem);
  b->slope = solver_dot(d, b->gradient, b->p);
  if (b->pairs > 0 && !(b->slope < 0.0 && isfinite(solver_dot(d, b->p, b->p)))) {
    b->pairs = 0;
    direction(b, options, problem);
    b->slope = solver_dot(d, b->gradient, b->p);
  }
  b->step = 1.0;
  if (b->pairs == 0 && problem->metric != NULL) {
    b->step = problem->near ? 1.0 : first_newton;
  } else if (b->pairs == 0) {
    b->step = first_decrease * b->common.loss / -b->slope;
    const double longest = first_length * b->start_length, length = b->step * sqrt(-b->slope);
    if (longest > 0.0 && length > longest) b->step *= longest / length;
  }
  const double longest = longest_step * sqrt((double)d);
  const double length = b->step * sqrt(solver_dot(d, b->p, b->p));
  if (length > longest) b->step *= longest / length;
  b->reductions = 0;
  try_step(b, d);
}

// Ends at z, the last accepted point.
static enum solver_status finish(struct lbfgs *b, size_t d, enum solver_status status) {
  memcpy(b->common.point, b->z, real_padded(d) * sizeof *b->z);
  return status;
}

static void remember_pair(struct lbfgs *b, const struct solver_options *options, size_t d,
                          const real *gradient) {
  const size_t stride = real_padded(d);
  const int64_t next = b->pairs == 0 ? 0 : (b->newest + 1) % options->memory;
  real *s = b->s + (size_t)next * stride, *y = b->y + (size_t)next * stride;
  for (size_t i = 0; i < stride; i++) {
    s[i] = b->common.point[i] - b->z[i];
    y[i] = gradient[i] - b->gradient[i];
  }
  const double curvature = solver_dot(d, s, y);
  const double enough = 1e-10 * sqrt(solver_dot(d, s, s) * solver_dot(d, y, y));
  if (!(curvature > enough)) {                    // negative curvature: the pair is of no use
    if (b->pairs == options->memory) b->pairs--;  // its place was the oldest pair's
    return;
  }
  b->inverse[next] = 1.0 / curvature;
  b->newest = next;
  if (b->pairs < options->memory) b->pairs++;
}

static enum solver_status reject(struct lbfgs *b, size_t d, double loss) {
  b->common.rejected++;
  if (++b->reductions > MAX_REDUCTIONS) {
    const bool flat = -b->slope * b->step < 1e-6 * fabs(b->common.loss);
    return finish(b, d, flat ? STATUS_CONVERGED : STATUS_UNDERFLOW);
  }
  // The minimum of the parabola through loss, slope and the trial's loss, within [0.1, 0.5].
  const double rise = loss - b->common.loss - b->slope * b->step;
  double factor = -b->slope * b->step / (2.0 * rise);
  if (!(factor >= 0.1)) factor = 0.1;
  if (factor > 0.5) factor = 0.5;
  b->step *= factor;
  try_step(b, d);
  return STATUS_RUNNING;
}

static enum solver_status advance(const struct solver_options *options,
                                  const struct solver_problem *problem, double loss,
                                  const real *gradient, struct solver_state *state) {
  struct lbfgs *b = (struct lbfgs *)state;
  const size_t d = problem->d;
  const bool finite = isfinite(loss) && isfinite(solver_dot(d, gradient, gradient));
  if (!b->begun) {
    b->begun = true;
    b->common.loss = loss;
    if (!finite) return finish(b, d, STATUS_NONFINITE);
  } else {
    if (!finite || !isfinite(solver_dot(d, b->common.point, b->common.point)))
      return reject(b, d, INFINITY);
    if (!solver_accepts(armijo, b->step, b->common.loss, loss, b->slope,
                        solver_dot(d, gradient, b->p)))
      return reject(b, d, loss);
    remember_pair(b, options, d, gradient);
    const double decrease = b->common.loss - loss;
    b->standing = decrease < options->tolerance * fabs(b->common.loss) ? b->standing + 1 : 0;
    b->common.loss = loss;
    b->common.iterations++;
    memcpy(b->z, b->common.point, real_padded(d) * sizeof *b->z);
  }
  memcpy(b->gradient, gradient, real_padded(d) * sizeof *gradient);
  if (b->standing >= 2 || solver_dot(d, gradient, gradient) == 0.0)
    return finish(b, d, STATUS_CONVERGED);
  if (b->common.iterations >= options->max_iterations) return finish(b, d, STATUS_LIMIT);
  begin_step(b, options, problem);
  return STATUS_RUNNING;
}

const struct solver_ops solver_lbfgs = {.name = "lbfgs",
                                        .ends_at_minimum = true,
                                        .takes_metric = true,
                                        .state_size = state_size,
                                        .start = start,
                                        .advance = advance,
                                        .curvature_size = curvature_size,
                                        .keep_curvature = keep_curvature};
