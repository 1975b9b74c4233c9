// Lists of layers in the input file. Residual layers contain lists themselves; in struct
// config_layers all layers are in one list, those of branches before the layer that sums them.
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

// Checks that each layer fits the next, starting from `inputs` numbers. The message names the layer
// in the list at place->node that does not.
bool config_layers_check(const struct config_place *place, size_t inputs,
                         const struct config_layers *layers, struct error *error);

// Writes `count` layers, each on its own line after `indent` spaces; all on one line if
// `indent` is negative.
void config_layers_write(const struct layer_spec *layers, size_t count, int indent, FILE *stream);

// One layer as in an input file: "{dense: 20, activation: elu}"; a residual without its branches.
enum { CONFIG_LAYER_TEXT = 320 };
const char *config_layer_text(const struct layer_spec *layer, char text[CONFIG_LAYER_TEXT]);

#endif
