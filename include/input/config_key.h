// Full keys such as "training.batch": which there are, and which was meant by another word.
#ifndef GFE_CONFIG_KEY_H
#define GFE_CONFIG_KEY_H

#include <stdbool.h>

#include "ground/error.h"
#include "input/config_value.h"

enum { CONFIG_KEY_TEXT = 160 };  // bytes of a full key, whatever a user writes

// The one section that holds no parameters: a study of many runs (sweep.h).
#define CONFIG_SWEEP "sweep"

// Whether parameters have keys that begin with "name."; the empty name is that of the whole file.
bool config_key_is_section(const char *name);

// "section.name", or "name" in the whole file, cut off where it is too long.
void config_key_join(char key[CONFIG_KEY_TEXT], const char *section, const char *name);

// Records that `name` is no key of `section`, with what was meant and what there is. Returns false.
bool config_key_complain(const struct config_place *place, const char *section, const char *name,
                         struct error *error);

// The parameter of the full key at a place, or -1 with a message that names the first part of the
// key that is wrong.
int config_key_find(const struct config_place *place, struct error *error);

#endif
