#include "numerics/optimiser.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "ground/memory.h"
#include "ground/text.h"
#include "numerics/isa.h"
#include "numerics/optimiser_kernels.h"
#include "numerics/portable.h"

ISA_VARIANTS(struct optimiser_kernels, optimiser_kernels);

static const struct optimiser_kernels *kernels(void) {
  return optimiser_kernels_variants[isa_chosen()];
}

struct optimiser {
  struct optimiser_options options;
  size_t count;
  int64_t updates;
  real *first, *second;  // [count] running means; NULL where the method has none
};

// Adam (Kingma and Ba 2015), with its bias correction: the means start at zero.
static void adam(const struct optimiser *o, double rate, const real *gradient, real *theta) {
  const double epsilon = o->options.epsilon > 0.0 ? o->options.epsilon : 1e-8;
  const double correction1 = 1.0 - portable_pow(o->options.beta1, (double)o->updates);
  const double correction2 = 1.0 - portable_pow(o->options.beta2, (double)o->updates);
  const struct optimiser_step step = {.decay1 = (real)o->options.beta1,
                                      .decay2 = (real)o->options.beta2,
                                      .rate = (real)(rate / correction1),
                                      .unbias = (real)(1.0 / sqrt(correction2)),
                                      .epsilon = (real)epsilon,
                                      .first = o->first,
                                      .second = o->second};
  kernels()->adam(&step, o->count, gradient, theta);
}

// RMSprop (Tieleman and Hinton 2012), as the paper uses it.
static void rmsprop(const struct optimiser *o, double rate, const real *gradient, real *theta) {
  const double epsilon = o->options.epsilon > 0.0 ? o->options.epsilon : 1e-6;
  const struct optimiser_step step = {.decay2 = (real)o->options.decay,
                                      .rate = (real)rate,
                                      .epsilon = (real)epsilon,
                                      .second = o->second};
  kernels()->rmsprop(&step, o->count, gradient, theta);
}

// Stochastic gradient descent with momentum (heavy ball).
static void sgd(const struct optimiser *o, double rate, const real *gradient, real *theta) {
  const struct optimiser_step step = {
      .decay1 = (real)o->options.momentum, .rate = (real)rate, .first = o->first};
  kernels()->sgd(&step, o->count, gradient, theta);
}

static const struct optimiser_ops {
  const char *name;
  void (*update)(const struct optimiser *o, double rate, const real *gradient, real *theta);
  bool first, second;  // which running means the method keeps
} table[] = {
    [OPTIMISER_ADAM] = {"adam", adam, true, true},
    [OPTIMISER_RMSPROP] = {"rmsprop", rmsprop, false, true},
    [OPTIMISER_SGD] = {"sgd", sgd, true, false},
};

static const char *const schedules[] = {
    [SCHEDULE_CONSTANT] = "constant", [SCHEDULE_STEP] = "step", [SCHEDULE_COSINE] = "cosine"};

const char *optimiser_name(int kind) { return IN_TABLE(table, kind) ? table[kind].name : NULL; }

const char *schedule_name(int kind) { return IN_TABLE(schedules, kind) ? schedules[kind] : NULL; }

struct optimiser *optimiser_create(const struct optimiser_options *options, size_t count) {
  struct optimiser *o = memory_new(struct optimiser, 1);
  o->options = *options;
  o->count = count;
  if (table[options->kind].first) o->first = memory_new(real, count);
  if (table[options->kind].second) o->second = memory_new(real, count);
  return o;
}

size_t optimiser_bytes(const struct optimiser_options *options, size_t count) {
  const struct optimiser_ops *ops = &table[options->kind];
  return ((size_t)ops->first + (size_t)ops->second) * count * sizeof(real);
}

void optimiser_destroy(struct optimiser **optimiser) {
  if (*optimiser == NULL) return;
  memory_free(&(*optimiser)->first);
  memory_free(&(*optimiser)->second);
  memory_free(optimiser);
}

void optimiser_update(struct optimiser *o, double rate, const real *gradient, real *theta) {
  o->updates++;
  table[o->options.kind].update(o, rate, gradient, theta);
}

static void add_means(const struct optimiser *o, struct state_field field, struct state *state) {
  field.group = "training";
  field.dimension = "parameter";
  field.type = STATE_REAL;
  field.count = (int64_t)o->count;
  field.shared = field.even = field.count < field.total;
  field.width = 1;
  field.stride = sizeof *o->first;
  if (field.data != NULL) state_add(state, field);
}

void optimiser_state(struct optimiser *o, size_t first, size_t total, struct state *state) {
  state_add_numbers(state, "training", "updates", STATE_INT64, &o->updates, 1, "one",
                    "updates of the decoder so far");
  struct state_field field = {.first = (int64_t)first, .total = (int64_t)total};
  field.name = "first";
  field.text = "the optimiser's running mean of the gradient";
  field.data = o->first;
  add_means(o, field, state);
  field.name = "second";
  field.text = "the optimiser's running mean of its square";
  field.data = o->second;
  add_means(o, field, state);
}

double optimiser_rate(const struct optimiser_options *options, int64_t step, int64_t steps,
                      int64_t epoch) {
  assert(step >= 0 && epoch >= 0);
  const double rate = options->learning_rate, factor = options->schedule_factor;
  if (options->schedule == SCHEDULE_STEP)
    return rate * portable_pow(factor, (double)(epoch / options->schedule_epochs));
  if (options->schedule == SCHEDULE_COSINE && steps > 1) {
    const double done = (double)step / (double)(steps - 1);
    return rate *
           (factor + (1.0 - factor) * 0.5 * (1.0 + portable_cos(3.14159265358979323846 * done)));
  }
  return rate;
}
