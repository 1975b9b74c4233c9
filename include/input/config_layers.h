// Lists of layers in the input file. Residual layers hold lists of their own; in struct
// config_layers all stand in one list, those of branches before the layer that sums them.
#ifndef GFE_CONFIG_LAYERS_H
#define GFE_CONFIG_LAYERS_H

#include <stdbool.h>
#include <stdio.h>

#include "ground/error.h"
#include "input/config.h"
#include "input/config_value.h"

// Reads the list at place->node.
bool config_layers_read(const struct config_place *place, struct config_layers *layers,
                        struct error *error);

// Checks that the layers fit one to the next, from `inputs` numbers on. Of the list at place->node
// the layer that does not is named.
bool config_layers_check(const struct config_place *place, size_t inputs,
                         const struct config_layers *layers, struct error *error);

// Writes `count` layers, each on a line of its own behind `indent` spaces; all on one line if
// `indent` is negative.
void config_layers_write(const struct layer_spec *layers, size_t count, int indent, FILE *stream);

// One layer as the input file gives it: "{dense: 20, activation: elu}"; of a residual without its
// branches.
enum { CONFIG_LAYER_TEXT = 320 };
const char *config_layer_text(const struct layer_spec *layer, char text[CONFIG_LAYER_TEXT]);

#endif
