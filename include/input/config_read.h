// Input files with their overrides, parsed once: each gives the values of a single run or, with
// different values for some keys each time, those of many.
#ifndef GFE_CONFIG_READ_H
#define GFE_CONFIG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"
#include "input/config_value.h"
#include "platform/yaml_tree.h"

// Reads `path` and then the overrides ("section.key=value", in order) into *config, checking every
// value. False with a message in *error if anything is wrong. Not collective: rank 0 calls it.
bool config_read(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct error *error);

// ---- one file, many runs ----

struct config_source;

// A value that replaces the one in the file. The node is borrowed; NULL or a null means the
// default.
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

// A hash of the text of the file.
uint64_t config_source_hash(const struct config_source *source);

// The override that sets a parameter, borrowed, or NULL.
const char *config_source_override(const struct config_source *source, int parameter);

// Checks every value and stores it in *config. Assignments take precedence over the file. False
// with a message in *error.
bool config_source_resolve(const struct config_source *source,
                           const struct config_assignment *assignments, size_t assignment_count,
                           struct config *config, struct error *error);

// ---- one parameter ----

// Stores the value of a parameter given by place->node, or its default if the node is NULL. False
// with a message in *error.
bool config_parameter_read(const struct config_parameter *parameter,
                           const struct config_place *place, struct config *config,
                           struct error *error);

// ---- full keys, such as "training.batch" ----

enum { CONFIG_KEY_TEXT = 160 };  // bytes of a full key, however long it is in the file

// The one section that holds no parameters: a study of many runs (sweep.h).
#define CONFIG_SWEEP "sweep"

// "section.name", or just "name" at the top level, truncated if it is too long.
void config_key_join(char key[CONFIG_KEY_TEXT], const char *section, const char *name);

// The parameter with the full key of a place, or -1 with a message that names the first part of the
// key that is wrong.
int config_key_find(const struct config_place *place, struct error *error);

#endif
