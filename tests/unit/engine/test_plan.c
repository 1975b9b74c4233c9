// What `auto` chooses for updates, rate and schedule, and how the rate falls as planned, also after
// more epochs have been requested. All values were derived from the rules by hand.
#include <math.h>

#include "engine/plan.h"
#include "engine/run.h"
#include "input/config_table.h"
#include "support/test.h"

static struct run run;  // large, so not on the stack

struct wanted {
  int64_t count, batch, epochs;
  bool replay, pod;
  int64_t updates;
  double rate;
};

static void check_choice(const struct wanted *wanted) {
  struct config *config = &run.config;
  run.shapes[SET_TRAIN].count = wanted->count;
  config->training.batch = wanted->batch;
  config->training.epochs = wanted->epochs;
  config->training.replay = wanted->replay;
  config->decoder.initial = wanted->pod ? INITIAL_POD : INITIAL_RANDOM;
  plan_updates(config, &run);
  plan_rate(config, &run);
  CHECK(config->training.updates == wanted->updates, "%lld samples, batch %lld: %lld updates",
        (long long)wanted->count, (long long)wanted->batch, (long long)config->training.updates);
  CHECK(config->training.optimiser.learning_rate == wanted->rate, "%lld samples: rate %g, not %g",
        (long long)wanted->count, config->training.optimiser.learning_rate, wanted->rate);
}

// 480 updates in all, or 96 with Newton steps of the last layer, at most 16 per small and 50 per
// large batch.
static void test_choices(void) {
  static const struct wanted all[] = {
      {60, 20, 1, false, false, 16, 2e-3},      // 3 batches: 160
      {1200, 20, 1, false, false, 8, 3e-3},     // 60 batches
      {1201, 20, 1, false, false, 7, 3e-3},     // 61
      {6000, 20, 1, false, false, 1, 4e-3},     // 300: 1.6
      {60000, 20, 1, false, false, 1, 4e-3},    // 3,000: 0.16
      {60000, 20, 1, true, false, 2, 2e-3},     // one to draw for
      {6000, 20, 10, false, false, 1, 2e-3},    // ten uses
      {60000, 1000, 1, false, false, 8, 4e-3},  // very large batches
      {6000, 250, 1, false, false, 20, 2e-3},   // 24
      {6000, 249, 1, false, false, 16, 2e-3},   // 25: 19
      {1000, 1000, 1, false, false, 50, 2e-3},  // 480
      {1200, 20, 1, false, true, 8, 2e-3},      // from POD
      {300, 20, 1, false, true, 16, 1e-3},      // 32, more uses than 8
      {100, 20, 0, false, false, 1, 4e-3},      // nothing to train
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) check_choice(&all[i]);
  static const struct wanted newton[] = {
      {6000, 250, 1, false, false, 4, 1e-3},    // 24 batches, 96 updates
      {60000, 1000, 1, false, true, 1, 1e-3},   // 60: 1.6
      {1000, 1000, 1, false, false, 50, 1e-3},  // 96
  };
  run.config.training.last_layer_steps = 1;
  for (size_t i = 0; i < sizeof newton / sizeof *newton; i++) check_choice(&newton[i]);
  run.config.training.last_layer_steps = 0;
  run.config.training.optimiser.schedule = SCHEDULE_CONSTANT;
  plan_schedule(&run.config, NULL);
  CHECK(run.config.training.optimiser.schedule == SCHEDULE_COSINE, "the rate falls");
}

static void check_rate(const struct plan *plan, int64_t step, double rate) {
  const double found = plan_learning_rate(plan, &run.config, step, 0);
  CHECK(fabs(found - rate) <= 1e-15, "step %lld: rate %.17g, not %.17g", (long long)step, found,
        rate);
}

// The cosine from 1e-2 to a tenth of it: half way, and a third and two thirds of the way.
static void test_rates(void) {
  struct config *config = &run.config;
  config->training.optimiser = (struct optimiser_options){
      .learning_rate = 1e-2, .schedule = SCHEDULE_COSINE, .schedule_factor = 0.1};
  config->training.epochs = 3;
  config->training.updates = 2;
  struct plan plan = plan_make(config, 2);
  CHECK(plan.first == 0 && plan.steps == 12 && plan.epochs == 3, "from %lld, %lld steps",
        (long long)plan.first, (long long)plan.steps);
  check_rate(&plan, 0, 1e-2);
  check_rate(&plan, 11, 1e-3);

  config->training.epochs = 5;
  plan = plan_anew(config, 12, 2);  // 4 steps, from the 13th on
  CHECK(plan.first == 12 && plan.steps == 4 && plan.epochs == 5, "from %lld, %lld steps",
        (long long)plan.first, (long long)plan.steps);
  check_rate(&plan, 12, 1e-2);
  check_rate(&plan, 13, 7.75e-3);
  check_rate(&plan, 14, 3.25e-3);
  check_rate(&plan, 15, 1e-3);
}

// Only where the schedule was the program's choice.
static void test_open(void) {
  enum config_automatic *schedule =
      &run.config.automatic[config_parameter_find("training.schedule")];
  CHECK(!plan_is_open(&run.config), "the user's");
  *schedule = AUTOMATIC_CHOSEN;
  CHECK(plan_is_open(&run.config), "chosen");
}

int main(void) {
  test_choices();
  test_rates();
  test_open();
  return test_summary();
}
