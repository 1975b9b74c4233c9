// An input file with its overrides, parsed once: from it come the values of one run or, with other
// values for some keys each time, those of many.
#ifndef GFE_CONFIG_SOURCE_H
#define GFE_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "input/config.h"
#include "platform/yaml_tree.h"

struct config_source;

// A value in place of the file's. The node is borrowed; NULL or a null means the default.
struct config_assignment {
  int parameter;  // config_parameter()
  const struct yaml_tree *node;
};

// Parses the input file `path` and the overrides (all borrowed) and finds the parameter of each
// key. Owned; NULL with a message in *error if anything is wrong. Not collective.
struct config_source *config_source_open(const char *path, const char *const *overrides,
                                         size_t override_count, struct error *error);
void config_source_close(struct config_source **source);

// The section `sweep` of the file, borrowed; NULL if it has none.
const struct yaml_tree *config_source_sweep(const struct config_source *source);

// The override that sets a parameter, borrowed, or NULL.
const char *config_source_override(const struct config_source *source, int parameter);

// Checks every value and stores it in *config. Assignments win over what the file says. False with
// a message in *error.
bool config_source_resolve(const struct config_source *source,
                           const struct config_assignment *assignments, size_t assignment_count,
                           struct config *config, struct error *error);

#endif
