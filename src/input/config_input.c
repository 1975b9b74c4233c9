#include "input/config_input.h"

#include <assert.h>

struct config_place config_place_of(const struct config_input *input, const char *key) {
  const int index = config_parameter_find(key);
  assert(index >= 0);
  const struct config_setting *setting = &input->settings[index];
  return (struct config_place){input->path, setting->override, key, setting->node};
}

bool config_key_is_given(const struct config_input *input, const char *key) {
  return config_place_of(input, key).node != NULL;
}

bool config_complain_of(const struct config_input *input, const char *key, const char *reason) {
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error, "%s", reason);
}
