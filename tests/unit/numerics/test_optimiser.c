// Each optimiser against its textbook recursion for one parameter, in double; and the same bits on
// every instruction set.
#include <math.h>
#include <string.h>

#include "ground/rng.h"
#include "numerics/optimiser.h"
#include "support/isa_test.h"

enum { STEPS = 50 };

static double gradient_at(int step) { return 0.3 + sin(0.7 * step); }

static double textbook(const struct optimiser_options *o, double rate) {
  double theta = 1.0, m = 0.0, v = 0.0;
  for (int step = 1; step <= STEPS; step++) {
    const double g = gradient_at(step);
    if (o->kind == OPTIMISER_ADAM) {
      m = o->beta1 * m + (1 - o->beta1) * g;
      v = o->beta2 * v + (1 - o->beta2) * g * g;
      const double mean = m / (1 - pow(o->beta1, step)), square = v / (1 - pow(o->beta2, step));
      theta -= rate * mean / (sqrt(square) + 1e-8);
    } else if (o->kind == OPTIMISER_RMSPROP) {
      v = o->decay * v + (1 - o->decay) * g * g;
      theta -= rate * g / (sqrt(v) + 1e-6);
    } else {
      m = o->momentum * m + g;
      theta -= rate * m;
    }
  }
  return theta;
}

static void recursions(void) {
  for (int kind = 0; optimiser_name(kind) != NULL; kind++) {
    const struct optimiser_options options = {
        .kind = kind, .beta1 = 0.9, .beta2 = 0.999, .decay = 0.9, .momentum = 0.8};
    enum { COUNT = 3 };
    struct optimiser *optimiser = optimiser_create(&options, COUNT);
    real theta[COUNT] = {1, 1, 1}, gradient[COUNT] = {0};
    for (int step = 1; step <= STEPS; step++) {
      gradient[0] = gradient[2] = (real)gradient_at(step);
      optimiser_update(optimiser, 0.01, gradient, theta);
    }
    const double expected = textbook(&options, 0.01);
    CHECK(fabs((double)theta[0] - expected) < 1e-5, "%s: %.9g, not %.9g", optimiser_name(kind),
          (double)theta[0], expected);
    CHECK(theta[1] == 1, "%s moves a parameter without gradient", optimiser_name(kind));
    CHECK(theta[2] == theta[0], "%s treats parameters alike", optimiser_name(kind));
    optimiser_destroy(&optimiser);
    CHECK(optimiser == NULL, "the pointer is not cleared");
  }
}

enum { PARAMETERS = 1003 };  // with a remainder on vectors of any width

static void update_some(int kind, real theta[PARAMETERS]) {
  const struct optimiser_options options = {
      .kind = kind, .beta1 = 0.9, .beta2 = 0.999, .decay = 0.9, .momentum = 0.8};
  struct optimiser *optimiser = optimiser_create(&options, PARAMETERS);
  real gradient[PARAMETERS];
  for (size_t i = 0; i < PARAMETERS; i++) theta[i] = (real)rng_uniform(1, RNG_TEST, i, 0);
  for (uint64_t step = 1; step <= 5; step++) {
    for (size_t i = 0; i < PARAMETERS; i++)
      gradient[i] = (real)(rng_uniform(step, RNG_TEST, i, 1) - 0.5);
    optimiser_update(optimiser, 0.01, gradient, theta);
  }
  optimiser_destroy(&optimiser);
}

static void instruction_sets(void) {
  real theta[PARAMETERS], other[PARAMETERS];
  for (int kind = 0; optimiser_name(kind) != NULL; kind++) {
    CHECK(isa_test_use(ISA_PLAIN), "plain C is everywhere");
    update_some(kind, theta);
    for (enum isa isa = ISA_PLAIN + 1; isa < ISA_COUNT; isa++) {
      if (!isa_test_use(isa)) continue;
      update_some(kind, other);
      CHECK(memcmp(theta, other, sizeof theta) == 0, "%s: %s has other bits than plain C",
            optimiser_name(kind), isa_name((int)isa));
    }
  }
}

static void schedules(void) {
  struct optimiser_options o = {.learning_rate = 0.1, .schedule_factor = 0.5, .schedule_epochs = 2};
  CHECK(optimiser_rate(&o, 7, 10, 3) == 0.1, "constant");
  o.schedule = SCHEDULE_STEP;
  CHECK(optimiser_rate(&o, 0, 10, 1) == 0.1, "before the first step");
  CHECK(fabs(optimiser_rate(&o, 0, 10, 4) - 0.025) < 1e-15, "after two steps");
  o.schedule = SCHEDULE_COSINE;
  CHECK(fabs(optimiser_rate(&o, 0, 11, 0) - 0.1) < 1e-15, "cosine begins at the rate");
  CHECK(fabs(optimiser_rate(&o, 5, 11, 0) - 0.075) < 1e-15, "is halfway in the middle");
  CHECK(fabs(optimiser_rate(&o, 10, 11, 0) - 0.05) < 1e-15, "and ends at the factor");
}

int main(void) {
  recursions();
  instruction_sets();
  schedules();
  return test_summary();
}
