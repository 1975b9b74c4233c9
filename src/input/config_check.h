// What no single value of the input file can tell: which keys need each other, and whether the
// files they name are there.
#ifndef GFE_CONFIG_CHECK_H
#define GFE_CONFIG_CHECK_H

#include <stdbool.h>

#include "input/config.h"
#include "input/config_input.h"

// Checks the values of *config against each other, replaces relative paths by those beside the
// input file where only these exist, and settles what the defaults leave open (the task evaluate
// without data.test, what decoder.file decides). False with a message in input->error.
bool config_check(const struct config_input *input, struct config *config);

#endif
