#include "input/config_check.h"
#include "input/config_table.h"

bool config_check_copies(const struct config_input *input, struct config *config) {
  const struct config_copies *copies = &config->training.copies;
  if (!config_makes_copies(config)) return true;
  if (config->run.model == MODEL_POD && config_is_given(config, "run.model"))
    return config_complain_of(
        input, "run.model",
        "pod is computed from the samples themselves; leave training.copies out");
  if (config->data.train.generate != GENERATE_NONE)
    return config_complain_of(
        input, "data.train.generate",
        "cannot be combined with training.copies: points of a circle have no grid");
  if (copies->periodic.count > 0 && copies->scale > 0.0)
    return config_complain_of(
        input, "training.copies.scale",
        "cannot be combined with training.copies.periodic: scaled data are not periodic");
  if (copies->periodic.count > 0 && copies->rotation > 0.0)
    return config_complain_of(
        input, "training.copies.rotation",
        "cannot be combined with training.copies.periodic: rotated data are not periodic");
  if (config->training.warm_start && config_key_is_given(input, "training.warm_start"))
    return config_complain_of(input, "training.warm_start",
                              "cannot be combined with training.copies: the latent from the "
                              "previous pass belongs to another copy; leave it out");
  config->training.warm_start = false;
  return true;
}
