#include "decoder/layer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "decoder/activation.h"
#include "ground/rng.h"
#include "ground/text.h"

static const struct layer_ops *const table[LAYER_KINDS] = {
    [LAYER_DENSE] = &layer_dense,       [LAYER_RESHAPE] = &layer_reshape,
    [LAYER_CONV] = &layer_conv,         [LAYER_CONV_TRANSPOSE] = &layer_conv_transpose,
    [LAYER_UPSAMPLE] = &layer_upsample, [LAYER_RESIDUAL] = &layer_residual,
};

const char *layer_name(int kind) { return IN_TABLE(table, kind) ? table[kind]->name : NULL; }

const struct layer_ops *layer_ops(enum layer_kind kind) {
  assert(layer_name((int)kind) != NULL);
  return table[kind];
}

// ---- shapes ----

const char *layer_shape_text(const struct layer_shape *shape, char text[LAYER_SHAPE_TEXT]) {
  int at = 0;
  for (size_t axis = 0; axis < shape->axes; axis++)
    at += snprintf(text + at, LAYER_SHAPE_TEXT - (size_t)at, "%s%zu", axis > 0 ? " x " : "",
                   shape->size[axis]);
  return text;
}

size_t layer_shape_size(const struct layer_shape *shape) {
  size_t size = 1;
  for (size_t axis = 0; axis < shape->axes; axis++) size *= shape->size[axis];
  return size;
}

bool layer_set_output(struct layer *layer, const struct layer_shape *to, struct error *error) {
  enum { MAX_SIZE = 1 << 30 };  // numbers in a sample's output
  char text[LAYER_SHAPE_TEXT];
  size_t size = 1;
  for (size_t axis = 0; axis < to->axes; axis++) {
    if (to->size[axis] > MAX_SIZE / size)
      return error_set(error, "its output %s is too large", layer_shape_text(to, text));
    size *= to->size[axis];
  }
  layer->to = *to;
  layer->outputs = size;
  return true;
}

bool layer_expand(const struct layer_sizes *sizes, size_t axes, const char *what, size_t *value,
                  struct error *error) {
  if (sizes->count != 1 && sizes->count != (int64_t)axes)
    return error_set(error, "%s has %lld numbers, but its input has %zu spatial %s", what,
                     (long long)sizes->count, axes, axes == 1 ? "axis" : "axes");
  for (size_t axis = 0; axis < axes; axis++)
    value[axis] = (size_t)sizes->value[sizes->count == 1 ? 0 : axis];
  return true;
}

static bool sizes_equal(const struct layer_sizes *a, const struct layer_sizes *b) {
  if (a->count != b->count && a->count != 1 && b->count != 1) return false;
  for (int64_t i = 0; i < a->count || i < b->count; i++)
    if (a->value[a->count == 1 ? 0 : i] != b->value[b->count == 1 ? 0 : i]) return false;
  return true;
}

bool layer_spec_equal(const struct layer_spec *a, const struct layer_spec *b) {
  return a->kind == b->kind && a->width == b->width && a->activation == b->activation &&
         sizes_equal(&a->kernel, &b->kernel) && sizes_equal(&a->stride, &b->stride) &&
         sizes_equal(&a->padding, &b->padding) &&
         sizes_equal(&a->output_padding, &b->output_padding) && sizes_equal(&a->sizes, &b->sizes) &&
         a->padding_mode == b->padding_mode &&
         (a->activation != ACTIVATION_LEAKY_RELU || a->slope == b->slope) &&
         a->branch[0] == b->branch[0] && a->branch[1] == b->branch[1];
}

// ---- parameters ----

void layer_weight_shape(const struct layer *layer, struct layer_shape *shape) {
  const bool space = !layer_ops(layer->kind)->flat;
  const size_t axes = space ? layer->from.axes - 1 : 0;
  *shape = (struct layer_shape){.axes = 2 + axes, .size = {layer->weight_rows}};
  shape->size[1] = space ? layer->map.image_channels : layer->inputs;
  for (size_t axis = 0; axis < axes; axis++)
    shape->size[2 + axis] = layer->map.kernel[CONVOLUTION_AXES - axes + axis];
}

void layer_initialise(const struct layer *layer, uint64_t seed, uint64_t index, real *theta) {
  if (layer_ops(layer->kind)->bound == NULL) return;
  const double bound = layer_ops(layer->kind)->bound(layer);
  for (size_t i = 0; i < layer->weight_count; i++)
    theta[layer->weight + i] =
        (real)(bound * (2.0 * rng_uniform(seed, RNG_PARAMETERS, 2 * index, i) - 1.0));
  for (size_t i = 0; i < layer->bias_count; i++)
    theta[layer->bias + i] =
        (real)(bound * (2.0 * rng_uniform(seed, RNG_PARAMETERS, 2 * index + 1, i) - 1.0));
}

size_t layer_channels(const struct layer_shape *shape) { return shape->size[0]; }

size_t layer_positions(const struct layer_shape *shape) {
  return layer_shape_size(shape) / layer_channels(shape);
}

size_t layer_stride(const struct layer_shape *shape) {
  return layer_positions(shape) * real_padded(layer_channels(shape));
}

size_t layer_work(const struct layer *layer) {
  return layer_ops(layer->kind)->work == NULL ? 0 : layer_ops(layer->kind)->work(layer);
}
