// Layers that only pass numbers on: reshape, whose output may be flat where its input is a field,
// and residual, whose second source the network adds.
#include <string.h>

#include "decoder/layer.h"

// Flat rows -> a block of a field, and back; `add`: added to it.
static void to_field(size_t width, const real *restrict flat, bool add, real *restrict field) {
  const size_t stride = real_padded(width);
  for (size_t i = 0; i < width; i++)
    for (size_t row = 0; row < LAYER_ROWS; row++)
      field[i * LAYER_ROWS + row] =
          flat[row * stride + i] + (add ? field[i * LAYER_ROWS + row] : (real)0);
}

static void to_flat(size_t width, const real *restrict field, bool add, real *restrict flat) {
  const size_t stride = real_padded(width);
  for (size_t row = 0; row < LAYER_ROWS; row++)
    for (size_t i = 0; i < width; i++)
      flat[row * stride + i] =
          field[i * LAYER_ROWS + row] + (add ? flat[row * stride + i] : (real)0);
}

static void pass_on(size_t width, size_t rows, bool from_field, bool to_a_field, const real *from,
                    bool add, real *to) {
  const size_t stride = real_padded(width);
  if (from_field == to_a_field) {
    if (!add) memcpy(to, from, rows * stride * sizeof *to);
    for (size_t i = 0; i < rows * stride && add; i++) to[i] += from[i];
    return;
  }
  for (size_t row = 0; row < rows; row += LAYER_ROWS)
    (to_a_field ? to_field : to_flat)(width, from + row * stride, add, to + row * stride);
}

static void forward(const struct layer *layer, const real *theta, size_t rows, const real *a,
                    real *s, real *work) {
  (void)theta, (void)work;
  pass_on(layer->outputs, rows, layer_is_field(&layer->from), layer_is_field(&layer->to), a, false,
          s);
}

static void backward_input(const struct layer *layer, const real *theta, size_t rows,
                           const real *delta_s, bool add, real *delta_a, real *work) {
  (void)theta, (void)work;
  pass_on(layer->outputs, rows, layer_is_field(&layer->to), layer_is_field(&layer->from), delta_s,
          add, delta_a);
}

static bool place_reshape(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  char from[LAYER_SHAPE_TEXT], text[LAYER_SHAPE_TEXT];
  struct layer_shape to = {.axes = (size_t)spec->sizes.count};
  for (size_t axis = 0; axis < to.axes; axis++) to.size[axis] = (size_t)spec->sizes.value[axis];
  if (!layer_set_output(layer, &to, error)) return false;
  if (layer->inputs != layer->outputs)
    return error_set(error, "%s has %zu numbers, but its input %s has %zu",
                     layer_shape_text(&to, text), layer->outputs,
                     layer_shape_text(&layer->from, from), layer->inputs);
  return true;
}

static bool place_residual(struct layer *layer, const struct layer_spec *spec,
                           struct error *error) {
  (void)spec;
  return layer_set_output(layer, &layer->from, error);
}

const struct layer_ops layer_reshape = {
    .name = "reshape",
    .place = place_reshape,
    .forward = forward,
    .backward_input = backward_input,
};

const struct layer_ops layer_residual = {
    .name = "residual",
    .place = place_residual,
    .forward = forward,
    .backward_input = backward_input,
};
