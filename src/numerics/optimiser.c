#include "numerics/optimiser.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "ground/memory.h"
#include "ground/text.h"
#include "numerics/portable.h"

struct optimiser {
  struct optimiser_options options;
  size_t count;
  int64_t updates;
  real *first, *second;  // [count] running means; NULL where the method has none
};

// Adam (Kingma and Ba 2015), with its correction of the means' start at zero.
static void adam(struct optimiser *o, double rate, const real *restrict gradient,
                 real *restrict theta) {
  const double epsilon = o->options.epsilon > 0.0 ? o->options.epsilon : 1e-8;
  const double correction1 = 1.0 - portable_pow(o->options.beta1, (double)o->updates);
  const double correction2 = 1.0 - portable_pow(o->options.beta2, (double)o->updates);
  const real beta1 = (real)o->options.beta1, beta2 = (real)o->options.beta2;
  const real step = (real)(rate / correction1), unbias = (real)(1.0 / sqrt(correction2));
  const real small = (real)epsilon;
  real *restrict mean = o->first, *restrict square = o->second;
  for (size_t i = 0; i < o->count; i++) {
    const real g = gradient[i];
    mean[i] += ((real)1 - beta1) * (g - mean[i]);
    square[i] = beta2 * square[i] + ((real)1 - beta2) * g * g;
    theta[i] -= step * mean[i] / ((real)sqrt(square[i]) * unbias + small);
  }
}

// RMSprop (Tieleman and Hinton 2012), as the paper uses it.
static void rmsprop(struct optimiser *o, double rate, const real *restrict gradient,
                    real *restrict theta) {
  const real decay = (real)o->options.decay, step = (real)rate;
  const real small = (real)(o->options.epsilon > 0.0 ? o->options.epsilon : 1e-6);
  real *restrict square = o->second;
  for (size_t i = 0; i < o->count; i++) {
    const real g = gradient[i];
    square[i] = decay * square[i] + ((real)1 - decay) * g * g;
    theta[i] -= step * g / ((real)sqrt(square[i]) + small);
  }
}

// Stochastic gradient descent with momentum (heavy ball).
static void sgd(struct optimiser *o, double rate, const real *restrict gradient,
                real *restrict theta) {
  const real momentum = (real)o->options.momentum, step = (real)rate;
  real *restrict velocity = o->first;
  for (size_t i = 0; i < o->count; i++) {
    velocity[i] = momentum * velocity[i] + gradient[i];
    theta[i] -= step * velocity[i];
  }
}

static const struct optimiser_ops {
  const char *name;
  void (*update)(struct optimiser *o, double rate, const real *gradient, real *theta);
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

void optimiser_state(struct optimiser *o, struct state *state) {
  const int64_t count = (int64_t)o->count;
  state_add_numbers(state, "training", "updates", STATE_INT64, &o->updates, 1, "one",
                    "updates of the decoder so far");
  if (o->first != NULL)
    state_add_numbers(state, "training", "first", STATE_REAL, o->first, count, "parameter",
                      "the optimiser's running mean of the gradient");
  if (o->second != NULL)
    state_add_numbers(state, "training", "second", STATE_REAL, o->second, count, "parameter",
                      "the optimiser's running mean of its square");
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
