// Where the files are that the input file names.
#ifndef GFE_CONFIG_PATHS_H
#define GFE_CONFIG_PATHS_H

#include <stdbool.h>

#include "input/config_input.h"

// Whether a section's files are needed: those of the data of a task that is not run are not.
bool config_section_is_used(const struct config *config, const char *section);

// Expands ~ and variables in every path of *config, and replaces relative paths by those beside the
// input file where only these exist. False with a message in input->error if a file that is needed
// is missing or cannot be read.
bool config_paths_settle(const struct config_input *input, struct config *config);

#endif
