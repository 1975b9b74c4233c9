// An input file while it is being read.
#ifndef GFE_CONFIG_INPUT_H
#define GFE_CONFIG_INPUT_H

#include "input/config_value.h"

// What was said of a parameter, borrowed: by the input file or an override; NULL if nothing was.
struct config_setting {
  const struct yaml_tree *node;
  const char *override;
};

struct config_input {
  const char *path;
  struct config_setting *settings;  // of each parameter of the table
  struct error *error;
};

#endif
