// The keys of a layer.
#include "decoder/activation.h"
#include "ground/text.h"
#include "input/config_table.h"

#define LAYER(member) offsetof(struct layer_spec, member)
#define KIND(kind) (1U << (kind))
enum {
  CONVS = KIND(LAYER_CONV) | KIND(LAYER_CONV_TRANSPOSE),
  EVERY_KIND = KIND(LAYER_KINDS) - 1,
};
const struct config_row config_layer_rows[] = {
    {"dense", TYPE_INTEGER, LAYER(width), .range = {1, 1e8, CLOSED}, .kinds = KIND(LAYER_DENSE),
     .attribute = "width", .unit = "outputs", .text = "a fully connected layer of this width"},
    {"reshape", TYPE_SIZES, LAYER(sizes), .range = {1, 1e8, CLOSED}, .kinds = KIND(LAYER_RESHAPE),
     .attribute = "sizes",
     .text =
         "the input reshaped to [channels, x], [channels, x, y] or [channels, x, y, z], or flat"},
    {"conv", TYPE_INTEGER, LAYER(width), .range = {1, 1e6, CLOSED}, .kinds = KIND(LAYER_CONV),
     .attribute = "width", .unit = "channels",
     .text = "a convolution along every axis except the channels"},
    {"conv_transpose", TYPE_INTEGER, LAYER(width), .range = {1, 1e6, CLOSED},
     .kinds = KIND(LAYER_CONV_TRANSPOSE), .attribute = "width", .unit = "channels",
     .text = "a transposed convolution: a stride of 2 doubles the axes"},
    {"upsample", TYPE_SIZES, LAYER(sizes), .range = {1, 1e6, CLOSED}, .kinds = KIND(LAYER_UPSAMPLE),
     .attribute = "sizes", .text = "repeats every position this many times along each axis"},
    {"residual", TYPE_BRANCHES, LAYER(branch), .kinds = KIND(LAYER_RESIDUAL),
     .attribute = "branches",
     .text = "the sum of two branches, such as [[{dense: 20, activation: elu}, {dense: 20}], []]; "
             "an empty branch passes its input through"},
    {"kernel", TYPE_SIZES, LAYER(kernel), .range = {1, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv, conv_transpose: length of the kernel, a number or one per axis"},
    {"stride", TYPE_SIZES, LAYER(stride), "1", .range = {1, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv, conv_transpose: step from one patch to the next, a number or one per axis"},
    {"padding", TYPE_SIZES, LAYER(padding), "0", .range = {0, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv: positions added around the input; conv_transpose: positions cut off around the "
             "output"},
    {"padding_mode", TYPE_CHOICE, LAYER(padding_mode), "zero", .name = padding_mode_name,
     .kinds = KIND(LAYER_CONV), .newer = true,
     .text = "conv: what fills the padding: zeros, the values at the other end, the mirrored "
             "input, or its last value"},
    {"output_padding", TYPE_SIZES, LAYER(output_padding), "0", .range = {0, 1e6, CLOSED},
     .kinds = KIND(LAYER_CONV_TRANSPOSE),
     .text = "conv_transpose: positions added at the end of each axis, fewer than the stride"},
    {"activation", TYPE_CHOICE, LAYER(activation), "identity", .name = activation_name,
     .kinds = EVERY_KIND, .text = "applied to the layer's outputs"},
    {"slope", TYPE_NUMBER, LAYER(slope), "0.01", .range = {0, 1, CLOSED}, .kinds = EVERY_KIND,
     .activations = 1U << ACTIVATION_LEAKY_RELU, .newer = true,
     .text = "leaky_relu: slope below 0"},
};
const size_t config_layer_row_count = LENGTH(config_layer_rows);
_Static_assert(LENGTH(config_layer_rows) <= TEXT_NAMES_MAX, "messages list all keys of a layer");

bool config_layer_has(const struct config_row *row, enum layer_kind kind) {
  return (row->kinds & KIND(kind)) != 0;
}

bool config_layer_uses(const struct config_row *row, const struct layer_spec *layer) {
  return config_layer_has(row, layer->kind) &&
         (row->activations == 0 || (row->activations & 1U << layer->activation) != 0);
}
