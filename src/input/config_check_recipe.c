#include "input/config_check.h"
#include "input/config_table.h"

static const double last_rate = 0.02;  // of the first, where the schedule is auto

static bool is_automatic(const struct config *config, const char *key) {
  return config->automatic[config_parameter_find(key)] != AUTOMATIC_NO;
}

bool config_check_recipe(const struct config_input *input, struct config *config) {
  if (is_automatic(config, "training.schedule") &&
      !config_key_is_given(input, "training.schedule_factor"))
    config->training.optimiser.schedule_factor = last_rate;
  if (config->training.again_iterations > 0 && config->encoding.solver != SOLVER_LBFGS)
    return config_complain_of(
        input, "encoding.again_iterations",
        "needs encoding.solver = lbfgs: flows of the other solvers end at tau");
  if (is_automatic(config, "training.learning_rate") &&
      config->training.optimiser.kind != OPTIMISER_ADAM)
    return config_complain_of(input, "training.learning_rate",
                              "auto is known only for training.optimiser = adam; give a number");
  if (config->training.last_layer_steps > 0 && config->training.adjoint != ADJOINT_NONE)
    return config_complain_of(input, "training.last_layer_steps",
                              "needs training.adjoint = none: the adjoint differentiates flows of "
                              "a decoder that these steps then change");
  if (config->training.replay && config->training.updates == 1)
    return config_complain_of(
        input, "training.replay",
        "needs training.updates of at least 2: the first update uses the batch, only the others "
        "draw samples");
  return true;
}
