// What no single value of the input file can tell: which keys need each other, and whether the
// files they name are there.
#ifndef GFE_CONFIG_CHECK_H
#define GFE_CONFIG_CHECK_H

#include <stdbool.h>

#include "input/config.h"
#include "input/config_value.h"

// What was said of a parameter, borrowed: by the input file or an override; NULL if nothing was.
struct config_setting {
  const struct yaml_tree *node;
  const char *override;
};

// An input file while it is being read.
struct config_input {
  const char *path;
  struct config_setting *settings;  // of each parameter of the table
  struct error *error;
};

// Checks the values of *config against each other, replaces relative paths by those beside the
// input file where only these exist, and settles what the defaults leave open (the task evaluate
// without data.test, what decoder.file decides). False with a message in input->error.
bool config_check(const struct config_input *input, struct config *config);

// The part about training.copies. With copies the latent of the pass before is another copy's:
// flows begin anew, training.warm_start = false.
bool config_check_copies(const struct config_input *input, struct config *config);

// The part about batches that are learned from more than once. With training.schedule = auto a
// schedule_factor that is not given is 0.02.
bool config_check_recipe(const struct config_input *input, struct config *config);

#endif
