#include "layer.h"

#include <stdio.h>
#include <string.h>

#include "activation.h"
#include "rng.h"

extern const struct layer_ops layer_dense, layer_reshape, layer_conv, layer_conv_transpose,
    layer_upsample, layer_residual;

static const struct layer_ops *const table[LAYER_KINDS] = {
    [LAYER_DENSE] = &layer_dense,       [LAYER_RESHAPE] = &layer_reshape,
    [LAYER_CONV] = &layer_conv,         [LAYER_CONV_TRANSPOSE] = &layer_conv_transpose,
    [LAYER_UPSAMPLE] = &layer_upsample, [LAYER_RESIDUAL] = &layer_residual,
};

const char *layer_name(int kind) {
  return kind >= 0 && kind < LAYER_KINDS ? table[kind]->name : NULL;
}

const struct layer_ops *layer_ops(int kind) { return table[kind]; }

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
  enum { MOST = 1 << 30 };  // numbers in a sample's output
  char text[LAYER_SHAPE_TEXT];
  size_t size = 1;
  for (size_t axis = 0; axis < to->axes; axis++) {
    if (to->size[axis] > MOST / size)
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
    return error_set(error, "%s has %lld numbers, but its input has %zu %s of space", what,
                     (long long)sizes->count, axes, axes == 1 ? "axis" : "axes");
  for (size_t axis = 0; axis < axes; axis++)
    value[axis] = (size_t)sizes->value[sizes->count == 1 ? 0 : axis];
  return true;
}

// ---- parameters ----

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

size_t layer_block(const struct layer *layer) {
  return layer_is_field(&layer->to) ? LAYER_ROWS : 1;
}

size_t layer_bias_size(const struct layer *layer) {
  const size_t size = layer_block(layer) * real_padded(layer->outputs);
  if (layer->bias_count == 0) return layer->activation == ACTIVATION_IDENTITY ? 0 : size;
  return layer_is_field(&layer->to) ? size : 0;
}

// A field has one bias per channel. Activations want one, be it zero.
const real *layer_bias(const struct layer *layer, const real *theta, real *bias) {
  if (layer->bias_count == 0) return layer->activation == ACTIVATION_IDENTITY ? NULL : bias;
  if (!layer_is_field(&layer->to)) return theta + layer->bias;
  const size_t size = layer->outputs / layer->bias_count * LAYER_ROWS;
  for (size_t channel = 0; channel < layer->bias_count; channel++)
    for (size_t i = 0; i < size; i++) bias[channel * size + i] = theta[layer->bias + channel];
  return bias;
}

size_t layer_work(const struct layer *layer) {
  return layer_ops(layer->kind)->work == NULL ? 0 : layer_ops(layer->kind)->work(layer);
}
