// Checks beyond single values of the input file: which keys need each other, and whether the files
// that they name exist.
#ifndef GFE_CONFIG_CHECK_H
#define GFE_CONFIG_CHECK_H

#include <stdbool.h>

#include "input/config_input.h"

// Checks the values of *config against each other, finds their files (config_paths_settle()), and
// settles what the defaults leave open (the task evaluate without data.test, what decoder.file
// decides). False with a message in input->error.
bool config_check(const struct config_input *input, struct config *config);

// The part about training.copies. With copies, the latent from the previous pass belongs to another
// copy, so flows begin afresh: training.warm_start = false.
bool config_check_copies(const struct config_input *input, struct config *config);

// The part about batches that are used more than once. With training.schedule = auto a
// schedule_factor that is not given is 0.02.
bool config_check_recipe(const struct config_input *input, struct config *config);

#endif
