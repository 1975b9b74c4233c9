// Layers that only pass numbers through: reshape, whose output may be flat where its input is a
// field, and residual, whose second source is added by the network.
#include <string.h>

#include "decoder/layer.h"

// Converts the numbers of a sample from the order of one shape to that of the other; flattened,
// both are channel by channel. `add`: added to the existing contents.
static void reorder(const struct layer_shape *from, const struct layer_shape *to, const real *a,
                    bool add, real *s) {
  const size_t from_stride = real_padded(layer_channels(from));
  const size_t to_stride = real_padded(layer_channels(to));
  const size_t from_positions = layer_positions(from), to_positions = layer_positions(to);
  const size_t size = layer_shape_size(from);
  for (size_t i = 0, p = 0, c = 0, q = 0, e = 0; i < size; i++) {
    real *target = &s[q * to_stride + e];
    const real value = a[p * from_stride + c];
    *target = add ? *target + value : value;
    if (++p == from_positions) p = 0, c++;
    if (++q == to_positions) q = 0, e++;
  }
}

static void pass_on(const struct layer_shape *from, const struct layer_shape *to, size_t samples,
                    const real *a, bool add, const struct product_finish *finish, real *s) {
  const size_t channels = layer_channels(to), positions = layer_positions(to);
  const bool same = layer_channels(from) == channels;
  const size_t from_stride = layer_stride(from), to_stride = layer_stride(to);
  if (same && !add) memcpy(s, a, samples * to_stride * sizeof *s);
  for (size_t i = 0; i < samples * to_stride && same && add; i++) s[i] += a[i];
  for (size_t k = 0; k < samples && !same; k++)
    reorder(from, to, a + k * from_stride, add, s + k * to_stride);
  if (finish != NULL)
    finish->act(finish->context, 0, samples * positions, 0, real_padded(channels));
}

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  (void)affine;
  pass_on(&layer->from, &layer->to, rows->samples, a, false, finish, s);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  pass_on(&layer->to, &layer->from, rows->samples, delta_s, add, finish, delta_a);
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
