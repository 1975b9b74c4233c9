// The rules were found on Fashion-MNIST (inputs/paper/README.md, "Recipes"): a decreasing rate
// always pays off; it may be twice as high if each sample is used only once; large batches are as
// good as small ones if the number of updates stays the same; many uses of a sample need a lower
// rate, and so does a decoder that starts from POD.
#include "engine/plan.h"

#include "engine/run.h"
#include "input/config_table.h"
#include "numerics/optimiser.h"

enum {
  UPDATES_IN_ALL = 480,  // desired in a training run,
  NEWTON_IN_ALL = 96,    // or with Newton steps of the last layer
  LARGE_BATCH = 250,     // from here on
  VERY_LARGE_BATCH = 500,
  MOST_SMALL = 16,  // updates per small batch: further ones gain nothing
  MOST_LARGE = 50,  // updates per large batch: more have not been measured
  FEW_USES = 8      // per sample, at most
};

static int64_t batches_of(const struct config *config, const struct run *run) {
  const int64_t count = run->shapes[SET_TRAIN].count, batch = config->training.batch;
  return (count + batch - 1) / batch;
}

static bool is_large(const struct config *config) { return config->training.batch >= LARGE_BATCH; }

// With replay there must be at least one update to draw for.
void plan_updates(struct config *config, const void *context) {
  const struct run *run = context;
  const int64_t batches = batches_of(config, run) * config->training.epochs;
  const int64_t least = config->training.replay ? 2 : 1;
  const int64_t most = is_large(config) ? MOST_LARGE : MOST_SMALL;
  const int64_t all = config->training.last_layer_steps > 0 ? NEWTON_IN_ALL : UPDATES_IN_ALL;
  int64_t updates = batches > 0 ? all / batches : least;
  if (updates < least) updates = least;
  config->training.updates = updates < most ? updates : most;
}

void plan_rate(struct config *config, const void *context) {
  (void)context;
  const int64_t uses = config->training.epochs * config->training.updates;
  const bool pod = config->decoder.initial == INITIAL_POD;
  double rate = 2e-3;
  if (uses <= 1)
    rate = 4e-3;
  else if (uses <= FEW_USES && !config->training.replay)
    rate = config->training.batch >= VERY_LARGE_BATCH ? 4e-3 : 3e-3;
  if (config->training.last_layer_steps > 0)
    rate = 1e-3;
  else if (pod)
    rate = uses <= FEW_USES ? 2e-3 : 1e-3;
  config->training.optimiser.learning_rate = rate;
}

void plan_schedule(struct config *config, const void *context) {
  (void)context;
  config->training.optimiser.schedule = SCHEDULE_COSINE;
}

struct plan plan_make(const struct config *config, int64_t batches) {
  const int64_t epochs = config->training.epochs;
  return (struct plan){.steps = batches * epochs * config->training.updates, .epochs = epochs};
}

bool plan_is_open(const struct config *config) {
  return config->automatic[config_parameter_find("training.schedule")] != AUTOMATIC_NO;
}

struct plan plan_anew(const struct config *config, int64_t step, int64_t left) {
  return (struct plan){
      .first = step, .steps = left * config->training.updates, .epochs = config->training.epochs};
}

double plan_learning_rate(const struct plan *plan, const struct config *config, int64_t step,
                          int64_t epoch) {
  return optimiser_rate(&config->training.optimiser, step - plan->first, plan->steps, epoch);
}
