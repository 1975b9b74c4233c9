// One value of the input file: from a node of the file to the place where it is stored.
#ifndef GFE_CONFIG_VALUE_H
#define GFE_CONFIG_VALUE_H

#include <stdbool.h>

#include "ground/error.h"
#include "input/config_table.h"
#include "platform/yaml_tree.h"

// Where a value comes from, for messages.
struct config_place {
  const char *path;              // the input file
  const char *override;          // the text after --set that gives it, or NULL
  const char *key;               // in full
  const struct yaml_tree *node;  // borrowed; NULL if it was not given
};

// Records "path:line: key = value: reason", or "--set text: ..." for an override. Returns false.
bool config_complain(const struct config_place *place, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Whether the value given by place->node, or the default `otherwise` if the node is NULL, is
// `auto`.
bool config_value_is_automatic(const struct config_row *row, const char *otherwise,
                               const struct config_place *place);

// Stores the value given by place->node, checking type and bounds; the default `otherwise` if the
// node is NULL, and nothing if that is NULL too. Not for lists of layers (config_layers_read()),
// lists of names and selections along axes (config_fields.h), or `auto`.
bool config_value_read(const struct config_row *row, const char *otherwise,
                       const struct config_place *place, void *storage, struct error *error);

// An integer at place->node, within the row's bounds.
bool config_integer_read(const struct config_row *row, const struct config_place *place,
                         int64_t *value, struct error *error);

#endif
