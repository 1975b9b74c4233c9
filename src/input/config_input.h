// An input file while it is being read: what it and the overrides say of each parameter.
#ifndef GFE_CONFIG_INPUT_H
#define GFE_CONFIG_INPUT_H

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

// Where a parameter's value was given, by its full key, for messages; .node is NULL if it was not.
struct config_place config_place_of(const struct config_input *input, const char *key);
bool config_key_is_given(const struct config_input *input, const char *key);

// Complains about a key and its value. Always false.
bool config_complain_of(const struct config_input *input, const char *key, const char *reason);

#endif
