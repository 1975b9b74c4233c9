#include "flow/adjoint.h"

#include <assert.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/text.h"

static const char *const names[] = {"none", "discrete", "continuous"};

const char *adjoint_name(int kind) { return IN_TABLE(names, kind) ? names[kind] : NULL; }

// Vectors are padded; the arrays follow the struct in the same block. A "vector" has the components
// of the flow's state.
struct adjoint {
  enum adjoint_kind kind;
  const struct flow_ops *flow;
  const struct butcher *tableau;  // NULL: the semi-implicit Euler step of solver_amd.c
  const struct trajectory *trajectory;
  double alpha;
  size_t stride, size;  // of one component, of a vector
  int64_t step;         // the step being walked back through; -1 at the beginning of the flow
  int stage;            // of the next request
  bool asked;           // a product has been requested but not yet received
  real *lambda;
  real *mu;    // what (df/ds)^T is applied to in the present request
  real *nu;    // [stages] results
  real *next;  // scratch
};

static size_t header_size(void) { return memory_rounded(sizeof(struct adjoint)); }

size_t adjoint_state_size(const struct solver_options *options, size_t d) {
  const size_t size = flow_ops(options->flow)->components * real_padded(d);
  return header_size() + (3 + BUTCHER_STAGES) * size * sizeof(real);
}

// Stages of a step that depend on g: the last one of an FSAL method only estimates the error.
static int stages_of(const struct adjoint *a) {
  return a->kind == ADJOINT_CONTINUOUS ? butcher_rk4.stages : a->trajectory->stages;
}

static void begin_step(struct adjoint *a) {
  a->stage = a->kind == ADJOINT_CONTINUOUS ? 0 : stages_of(a) - 1;
}

void adjoint_start(enum adjoint_kind kind, const struct solver_options *options, size_t d,
                   double alpha, const struct trajectory *trajectory, const real *gradient,
                   void *state) {
  struct adjoint *a = state;
  assert(kind != ADJOINT_NONE && trajectory->stages == solver_stages(options));
  assert(trajectory->count == 0 || trajectory->stride == real_padded(d));
  *a = (struct adjoint){.kind = kind,
                        .flow = flow_ops(options->flow),
                        .tableau = solver_ops(options)->tableau,
                        .trajectory = trajectory,
                        .alpha = alpha,
                        .stride = real_padded(d),
                        .step = trajectory->count - 1};
  a->size = a->flow->components * a->stride;
  a->lambda = (real *)(void *)((char *)state + header_size());
  a->mu = a->lambda + a->size;
  a->next = a->mu + a->size;
  a->nu = a->next + a->size;
  memset(a->lambda, 0, a->size * sizeof(real));
  memcpy(a->lambda, gradient, a->stride * sizeof(real));
  begin_step(a);
}

// Leaves the current step at its beginning, where a restart may have dropped the momentum.
static void end_step(struct adjoint *a) {
  if (a->trajectory->steps[a->step].restarted)
    memset(a->lambda + a->stride, 0, a->stride * sizeof(real));
  a->step--;
  begin_step(a);
}

static void add(size_t size, double factor, const real *x, real *y) {
  for (size_t i = 0; i < size && factor != 0.0; i++) y[i] += (real)factor * x[i];
}

// ---- discrete, Runge-Kutta: for i = s ... 1: mu_i = h (b_i lambda+ + sum_{j>i} a_ji nu_j),
// nu_i = (df/ds)^T(Z_i) mu_i; then lambda = lambda+ + sum_i nu_i ----

static double stage_clock(const struct adjoint *a) {
  const struct trajectory_step *step = &a->trajectory->steps[a->step];
  return step->clock + butcher_time(a->tableau, a->stage) * step->h;
}

static void request_stage(struct adjoint *a, real *z, real *v) {
  const double h = a->trajectory->steps[a->step].h;
  const int stages = stages_of(a);
  memset(a->mu, 0, a->size * sizeof(real));
  add(a->size, h * a->tableau->b[a->stage], a->lambda, a->mu);
  for (int j = a->stage + 1; j < stages; j++)
    add(a->size, h * a->tableau->a[j][a->stage], a->nu + (size_t)j * a->size, a->mu);
  memcpy(z,
         a->trajectory->points + ((size_t)a->step * (size_t)stages + (size_t)a->stage) * a->stride,
         a->stride * sizeof(real));
  a->flow->direction(a->alpha, stage_clock(a), a->stride, a->mu, v);
}

static void receive_stage(struct adjoint *a, const real *product) {
  a->flow->transpose(stage_clock(a), a->stride, a->mu, product, a->nu + (size_t)a->stage * a->size);
  if (--a->stage >= 0) return;
  for (int i = 0; i < stages_of(a); i++) add(a->size, 1.0, a->nu + (size_t)i * a->size, a->lambda);
  end_step(a);
}

// ---- discrete, semi-implicit Euler of the second-order flow: with c = 1 / (1 + 3h/(t + h)) and
// mu = lambda_p+ + h lambda_z+: lambda_p = c mu, lambda_z = lambda_z+ - c h alpha H mu ----

static void request_semi_implicit(struct adjoint *a, real *z, real *v) {
  const struct trajectory_step *step = &a->trajectory->steps[a->step];
  const double c = 1.0 / (1.0 + 3.0 * step->h / (step->clock + step->h));
  real *lambda_p = a->lambda + a->stride;
  for (size_t i = 0; i < a->stride; i++) {
    const real mu = lambda_p[i] + (real)step->h * a->lambda[i];
    lambda_p[i] = (real)c * mu;
    v[i] = (real)(-c * step->h * a->alpha) * mu;
  }
  memcpy(z, a->trajectory->points + (size_t)a->step * a->stride, a->stride * sizeof(real));
}

static void receive_semi_implicit(struct adjoint *a, const real *product) {
  add(a->stride, 1.0, product, a->lambda);
  end_step(a);
}

// ---- continuous: -d lambda/dt = (df/ds)^T lambda from the end of a step to its beginning by RK4;
// the integral over dL/dtheta is the same quadrature, so requests carry its weights ----

// z(t) at the fraction x of the step: the cubic through both ends with their slopes.
static void hermite(const struct adjoint *a, double x, real *z) {
  const struct trajectory *t = a->trajectory;
  const size_t k = (size_t)a->step, stride = a->stride, stages = (size_t)t->stages;
  const double h = t->steps[k].h;
  const real *z0 = t->points + k * stages * stride, *s0 = t->slopes + 2 * k * stride;
  const real *z1 = a->step + 1 < t->count ? z0 + stages * stride : t->end;
  const real *s1 = s0 + stride;
  const real a0 = (real)((1 + 2 * x) * (1 - x) * (1 - x)), a1 = (real)(x * x * (3 - 2 * x));
  const real b0 = (real)(h * x * (1 - x) * (1 - x)), b1 = (real)(h * x * x * (x - 1));
  for (size_t i = 0; i < stride; i++) z[i] = a0 * z0[i] + a1 * z1[i] + b0 * s0[i] + b1 * s1[i];
}

// The fraction of the step at which a stage lies, going backwards.
static double stage_fraction(const struct adjoint *a) {
  return 1.0 - butcher_time(&butcher_rk4, a->stage);
}

static double continuous_clock(const struct adjoint *a) {
  const struct trajectory_step *step = &a->trajectory->steps[a->step];
  return step->clock + stage_fraction(a) * step->h;
}

static double quadrature_weight(const struct adjoint *a) {
  return a->trajectory->steps[a->step].h * butcher_rk4.b[a->stage];
}

static void request_continuous(struct adjoint *a, real *z, real *v) {
  const double h = a->trajectory->steps[a->step].h;
  memcpy(a->mu, a->lambda, a->size * sizeof(real));
  for (int j = 0; j < a->stage; j++)
    add(a->size, h * butcher_rk4.a[a->stage][j], a->nu + (size_t)j * a->size, a->mu);
  hermite(a, stage_fraction(a), z);
  a->flow->direction(a->alpha, continuous_clock(a), a->stride, a->mu, v);
  const real weight = (real)quadrature_weight(a);
  for (size_t i = 0; i < a->stride; i++) v[i] *= weight;
}

static void receive_continuous(struct adjoint *a, const real *product) {
  const real unweight = (real)(1.0 / quadrature_weight(a));
  for (size_t i = 0; i < a->stride; i++) a->next[i] = product[i] * unweight;
  a->flow->transpose_adjoint(continuous_clock(a), a->stride, a->mu, a->next,
                             a->nu + (size_t)a->stage * a->size);
  if (++a->stage < butcher_rk4.stages) return;
  const double h = a->trajectory->steps[a->step].h;
  for (int i = 0; i < butcher_rk4.stages; i++)
    add(a->size, h * butcher_rk4.b[i], a->nu + (size_t)i * a->size, a->lambda);
  end_step(a);
}

bool adjoint_request(void *state, real *z, real *v) {
  struct adjoint *a = state;
  assert(!a->asked);
  if (a->step < 0) return false;
  a->asked = true;
  if (a->kind == ADJOINT_CONTINUOUS)
    request_continuous(a, z, v);
  else if (a->tableau != NULL)
    request_stage(a, z, v);
  else
    request_semi_implicit(a, z, v);
  return true;
}

void adjoint_receive(void *state, const real *product) {
  struct adjoint *a = state;
  assert(a->asked && a->step >= 0);
  a->asked = false;
  if (a->kind == ADJOINT_CONTINUOUS)
    receive_continuous(a, product);
  else if (a->tableau != NULL)
    receive_stage(a, product);
  else
    receive_semi_implicit(a, product);
}
