// Convolutions and transposed convolutions, with weights as PyTorch keeps them. Both are one map
// and its transpose (convolution.h):
//
//   conv             W [outputs][inputs][kernel], from the image to the grid
//   conv_transpose   W [inputs][outputs][kernel], from the grid to the image
#include <math.h>
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/layer.h"

// ---- places ----

static bool needs_field(const struct layer *layer, struct error *error) {
  if (layer_is_field(&layer->from)) return true;
  return error_set(error,
                   "needs channels and axes of space, but its input is flat with %zu "
                   "numbers; put a reshape before it",
                   layer->inputs);
}

// Kernel, stride and padding along the axes of space.
static bool read_kernel(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  struct convolution *c = &layer->map;
  const size_t axes = layer->from.axes - 1, first = CONVOLUTION_AXES - axes;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    c->image[axis] = c->grid[axis] = c->kernel[axis] = c->stride[axis] = 1;
  return layer_expand(&spec->kernel, axes, "kernel", c->kernel + first, error) &&
         layer_expand(&spec->stride, axes, "stride", c->stride + first, error) &&
         layer_expand(&spec->padding, axes, "padding", c->padding + first, error);
}

// Takes the two sides of the map from input and output.
static bool finish(struct layer *layer, const struct layer_shape *to, bool transposed,
                   struct error *error) {
  if (!layer_set_output(layer, to, error)) return false;
  struct convolution *c = &layer->map;
  const struct layer_shape *image = transposed ? to : &layer->from;
  const struct layer_shape *grid = transposed ? &layer->from : to;
  const size_t first = CONVOLUTION_AXES - (to->axes - 1);
  c->image_channels = image->size[0];
  c->grid_channels = grid->size[0];
  for (size_t axis = 1; axis < to->axes; axis++) {
    c->image[first + axis - 1] = image->size[axis];
    c->grid[first + axis - 1] = grid->size[axis];
  }
  const double weights = (double)grid->size[0] * (double)image->size[0] * (double)c->kernel[0] *
                         (double)c->kernel[1] * (double)c->kernel[2];
  if (weights > 1e15) return error_set(error, "it would have %.3g weights", weights);
  layer->weight_rows = grid->size[0];
  layer->weight_count = grid->size[0] * image->size[0] * convolution_positions(c->kernel);
  layer->bias_count = to->size[0];
  return true;
}

static bool place_conv(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  if (!needs_field(layer, error) || !read_kernel(layer, spec, error)) return false;
  const struct convolution *c = &layer->map;
  struct layer_shape to = {.axes = layer->from.axes, .size = {(size_t)spec->width}};
  char text[LAYER_SHAPE_TEXT];
  for (size_t axis = 1; axis < to.axes; axis++) {
    const size_t at = CONVOLUTION_AXES - to.axes + axis;
    const size_t room = layer->from.size[axis] + 2 * c->padding[at];
    if (room < c->kernel[at])
      return error_set(error, "kernel %zu is wider than axis %zu of its input %s with padding %zu",
                       c->kernel[at], axis, layer_shape_text(&layer->from, text), c->padding[at]);
    to.size[axis] = (room - c->kernel[at]) / c->stride[at] + 1;
  }
  return finish(layer, &to, false, error);
}

static bool place_transpose(struct layer *layer, const struct layer_spec *spec,
                            struct error *error) {
  size_t more[CONVOLUTION_AXES] = {0};
  if (!needs_field(layer, error) || !read_kernel(layer, spec, error) ||
      !layer_expand(&spec->output_padding, layer->from.axes - 1, "output_padding",
                    more + CONVOLUTION_AXES - (layer->from.axes - 1), error))
    return false;
  const struct convolution *c = &layer->map;
  struct layer_shape to = {.axes = layer->from.axes, .size = {(size_t)spec->width}};
  char text[LAYER_SHAPE_TEXT];
  for (size_t axis = 1; axis < to.axes; axis++) {
    const size_t at = CONVOLUTION_AXES - to.axes + axis;
    if (more[at] >= c->stride[at])
      return error_set(error, "output_padding %zu must be less than stride %zu", more[at],
                       c->stride[at]);
    const size_t length = (layer->from.size[axis] - 1) * c->stride[at] + c->kernel[at] + more[at];
    if (length <= 2 * c->padding[at])
      return error_set(error, "padding %zu leaves nothing of axis %zu of its input %s",
                       c->padding[at], axis, layer_shape_text(&layer->from, text));
    to.size[axis] = length - 2 * c->padding[at];
  }
  return finish(layer, &to, true, error);
}

// As PyTorch's nn.Conv and nn.ConvTranspose: 1/sqrt of the numbers behind the weight's first axis.
static double bound(const struct layer *layer) {
  return 1.0 / sqrt((double)(layer->weight_count / layer->weight_rows));
}

// ---- the map ----

static size_t work_size(const struct layer *layer) { return convolution_work(&layer->map); }

static size_t packed_size(const struct layer *layer) {
  return convolution_packed_size(&layer->map);
}

static void pack(const struct layer *layer, const real *theta, real *packed, real *work) {
  convolution_pack(&layer->map, theta + layer->weight, packed, work);
}

static bool is_transposed(const struct layer *layer) { return layer->kind == LAYER_CONV_TRANSPOSE; }

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  const struct convolution_rows way = {.samples = rows->samples,
                                       .from = a,
                                       .bias = affine ? rows->theta + layer->bias : NULL,
                                       .to = s,
                                       .finish = finish};
  (is_transposed(layer) ? convolution_to_image : convolution_to_grid)(
      &layer->map, rows->packed + layer->packed, &way, rows->work);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  const struct convolution_rows way = {
      .samples = rows->samples, .from = delta_s, .add = add, .to = delta_a, .finish = finish};
  (is_transposed(layer) ? convolution_to_grid : convolution_to_image)(
      &layer->map, rows->packed + layer->packed, &way, rows->work);
}

static void backward_parameters(const struct layer *layer, const struct layer_rows *rows,
                                const real *delta_s, const real *a, bool affine, bool add,
                                real *gradient) {
  const bool transposed = is_transposed(layer);
  real *bias = gradient + layer->bias;
  convolution_to_weight(&layer->map, rows->samples, transposed ? a : delta_s,
                        transposed ? delta_s : a, add, gradient + layer->weight, rows->work);
  if (affine)
    convolution_to_bias(layer->bias_count, rows->samples * layer_positions(&layer->to), delta_s,
                        add, bias);
  else if (!add)
    memset(bias, 0, real_padded(layer->bias_count) * sizeof *bias);
}

const struct layer_ops layer_conv = {
    .name = "conv",
    .place = place_conv,
    .bound = bound,
    .work = work_size,
    .packed = packed_size,
    .pack = pack,
    .forward = forward,
    .backward_input = backward_input,
    .backward_parameters = backward_parameters,
};

const struct layer_ops layer_conv_transpose = {
    .name = "conv_transpose",
    .weight_in_out = true,
    .place = place_transpose,
    .bound = bound,
    .work = work_size,
    .packed = packed_size,
    .pack = pack,
    .forward = forward,
    .backward_input = backward_input,
    .backward_parameters = backward_parameters,
};
