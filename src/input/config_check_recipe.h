// Whether the keys by which a batch is learned from more than once go together.
#ifndef GFE_CONFIG_CHECK_RECIPE_H
#define GFE_CONFIG_CHECK_RECIPE_H

#include <stdbool.h>

#include "input/config.h"
#include "input/config_input.h"

// As config_check(). With training.schedule = auto a schedule_factor that is not given is 0.02.
bool config_check_recipe(const struct config_input *input, struct config *config);

#endif
