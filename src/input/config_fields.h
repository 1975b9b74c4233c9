// What the input file says about the axes of fields: lists of names, and what to take along each
// axis.
#ifndef GFE_CONFIG_FIELDS_H
#define GFE_CONFIG_FIELDS_H

#include <stdbool.h>

#include "ground/error.h"
#include "input/config_value.h"

// Reads a list of distinct names, or a single one, at place->node.
bool config_names_read(const struct config_place *place, struct config_names *list,
                       struct error *error);

// Reads a map from names of axes to {first, count, stride} or to one place.
bool config_select_read(const struct config_row *row, const struct config_place *place,
                        struct config_select *select, struct error *error);

// The index of a name in a list, -1 if it is not in it.
int config_names_find(const struct config_names *list, const char *name);

#endif
