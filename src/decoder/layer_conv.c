// Convolutions and transposed convolutions, with weights in PyTorch's layout. They are a map and
// its transpose (convolution.h):
//
//   conv             W [outputs][inputs][kernel], from the image to the grid
//   conv_transpose   W [inputs][outputs][kernel], from the grid to the image
//
// An input that is not padded with zeros is extended first (extension.h), a few samples at a time,
// and the map, then without padding, is applied to the extended image.
#include <math.h>
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/layer.h"

// ---- places ----

static bool needs_field(const struct layer *layer, struct error *error) {
  if (layer_is_field(&layer->from)) return true;
  return error_set(error,
                   "needs channels and spatial axes, but its input is flat with %zu "
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

// Has the input extended by the map's padding.
static bool extend(struct layer *layer, struct error *error) {
  enum { MAX_SIZE = 1 << 30 };  // numbers of an extended sample
  double size = (double)layer->map.image_channels;
  struct convolution *c = &layer->map;
  struct extension *e = &layer->extension;
  *e = (struct extension){.mode = layer->spec.padding_mode, .channels = c->image_channels};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    e->size[axis] = c->image[axis];
    e->padding[axis] = c->padding[axis];
    c->image[axis] += 2 * c->padding[axis];
    c->padding[axis] = 0;
    size *= (double)c->image[axis];
  }
  return size <= MAX_SIZE || error_set(error, "its input with its padding is too large");
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
  if (layer->spec.padding_mode != PADDING_ZERO && !extend(layer, error)) return false;
  const double weights = (double)grid->size[0] * (double)image->size[0] * (double)c->kernel[0] *
                         (double)c->kernel[1] * (double)c->kernel[2];
  if (weights > 1e15) return error_set(error, "it would have %.3g weights", weights);
  layer->weight_rows = grid->size[0];
  layer->weight_count = grid->size[0] * image->size[0] * convolution_positions(c->kernel);
  layer->bias_count = to->size[0];
  return true;
}

// Whether there are enough positions inside for padding other than zeros.
static bool check_padding(const struct layer *layer, enum padding_mode mode, size_t axis,
                          size_t padding, struct error *error) {
  char text[LAYER_SHAPE_TEXT];
  const size_t most = extension_most(mode, layer->from.size[axis]);
  if (mode == PADDING_ZERO || padding <= most) return true;
  return error_set(error, "axis %zu of its input %s allows a %s padding of at most %zu, not %zu",
                   axis, layer_shape_text(&layer->from, text), padding_mode_name((int)mode), most,
                   padding);
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
      return error_set(error, "kernel %zu is longer than axis %zu of its input %s with padding %zu",
                       c->kernel[at], axis, layer_shape_text(&layer->from, text), c->padding[at]);
    if (!check_padding(layer, spec->padding_mode, axis, c->padding[at], error)) return false;
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

// As in PyTorch's nn.Conv and nn.ConvTranspose: 1/sqrt of the product of the weight's axes after
// the first.
static double bound(const struct layer *layer) {
  return 1.0 / sqrt((double)(layer->weight_count / layer->weight_rows));
}

// ---- the map ----

// Samples that are extended at a time.
static size_t group_of(const struct layer *layer) {
  enum { GROUP = 1 << 16 };  // elements, if a sample has no more
  const size_t stride = extension_stride(&layer->extension);
  return stride < GROUP ? GROUP / stride : 1;
}

static bool is_extended(const struct layer *layer) { return layer->extension.mode != PADDING_ZERO; }

// The work space of the map, and extended samples behind it.
static size_t work_size(const struct layer *layer) {
  const size_t work = convolution_work(&layer->map);
  if (!is_extended(layer)) return work;
  return real_padded(work) + group_of(layer) * extension_stride(&layer->extension);
}

static real *extended_of(const struct layer *layer, const struct layer_rows *rows) {
  return rows->work + real_padded(convolution_work(&layer->map));
}

static size_t packed_size(const struct layer *layer) {
  return convolution_packed_size(&layer->map);
}

static void pack(const struct layer *layer, const real *theta, real *packed, real *work) {
  convolution_pack(&layer->map, theta + layer->weight, packed, work);
}

static bool is_transposed(const struct layer *layer) { return layer->kind == LAYER_CONV_TRANSPOSE; }

// The same processing for rows that are numbered from a later one.
struct later {
  const struct product_finish *finish;
  size_t row;
};

static void act_later(const void *context, size_t row, size_t rows, size_t column, size_t columns) {
  const struct later *later = context;
  later->finish->act(later->finish->context, later->row + row, rows, column, columns);
}

// From extended samples to the grid.
static void forward_extended(const struct layer *layer, const struct layer_rows *rows,
                             const struct convolution_rows *all) {
  const size_t group = group_of(layer), positions = layer_positions(&layer->to);
  real *extended = extended_of(layer, rows);
  for (size_t first = 0; first < all->samples; first += group) {
    const struct later later = {all->finish, first * positions};
    const struct product_finish finish = {act_later, &later};
    struct convolution_rows some = *all;
    some.samples = all->samples - first < group ? all->samples - first : group;
    some.from = extended;
    some.to = all->to + first * layer_stride(&layer->to);
    some.finish = all->finish != NULL ? &finish : NULL;
    extension_spread(&layer->extension, some.samples,
                     all->from + first * layer_stride(&layer->from), extended);
    convolution_to_grid(&layer->map, rows->packed + layer->packed, &some, rows->work);
  }
}

// And back to their input.
static void backward_extended(const struct layer *layer, const struct layer_rows *rows,
                              const struct convolution_rows *all) {
  const size_t group = group_of(layer), positions = layer_positions(&layer->from);
  real *extended = extended_of(layer, rows);
  for (size_t first = 0; first < all->samples; first += group) {
    const struct convolution_rows some = {
        .samples = all->samples - first < group ? all->samples - first : group,
        .from = all->from + first * layer_stride(&layer->to),
        .to = extended};
    convolution_to_image(&layer->map, rows->packed + layer->packed, &some, rows->work);
    extension_collect(&layer->extension, some.samples, extended, all->add,
                      all->to + first * layer_stride(&layer->from));
    if (all->finish != NULL)
      all->finish->act(all->finish->context, first * positions, some.samples * positions, 0,
                       real_padded(layer_channels(&layer->from)));
  }
}

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  const struct convolution_rows way = {.samples = rows->samples,
                                       .from = a,
                                       .bias = affine ? rows->theta + layer->bias : NULL,
                                       .to = s,
                                       .finish = finish};
  if (is_extended(layer))
    forward_extended(layer, rows, &way);
  else
    (is_transposed(layer) ? convolution_to_image : convolution_to_grid)(
        &layer->map, rows->packed + layer->packed, &way, rows->work);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  const struct convolution_rows way = {
      .samples = rows->samples, .from = delta_s, .add = add, .to = delta_a, .finish = finish};
  if (is_extended(layer))
    backward_extended(layer, rows, &way);
  else
    (is_transposed(layer) ? convolution_to_grid : convolution_to_image)(
        &layer->map, rows->packed + layer->packed, &way, rows->work);
}

static void weight_extended(const struct layer *layer, const struct layer_rows *rows,
                            const real *delta_s, const real *a, bool add, real *gradient) {
  const size_t group = group_of(layer);
  real *extended = extended_of(layer, rows);
  for (size_t first = 0; first == 0 || first < rows->samples; first += group) {
    const size_t left = rows->samples - first, samples = left < group ? left : group;
    extension_spread(&layer->extension, samples, a + first * layer_stride(&layer->from), extended);
    convolution_to_weight(&layer->map, samples, delta_s + first * layer_stride(&layer->to),
                          extended, add || first > 0, gradient, rows->work);
  }
}

static void backward_parameters(const struct layer *layer, const struct layer_rows *rows,
                                const real *delta_s, const real *a, bool affine, bool add,
                                real *gradient) {
  const bool transposed = is_transposed(layer);
  real *bias = gradient + layer->bias;
  if (is_extended(layer))
    weight_extended(layer, rows, delta_s, a, add, gradient + layer->weight);
  else
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
