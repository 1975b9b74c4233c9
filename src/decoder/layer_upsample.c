// Upsampling: every position of the input, the grid, becomes a box of equal ones of the output, the
// image. The boxes lie side by side, so that the way back is their sum.
#include <string.h>

#include "decoder/layer.h"

static bool place(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  const size_t axes = layer->from.axes - 1;
  size_t factor[CONVOLUTION_AXES];
  if (axes == 0)
    return error_set(error,
                     "needs channels and axes of space, but its input is flat with %zu "
                     "numbers; put a reshape before it",
                     layer->inputs);
  if (!layer_expand(&spec->sizes, axes, "upsample", factor, error)) return false;
  struct layer_shape to = layer->from;
  struct convolution *c = &layer->map;
  c->image_channels = c->grid_channels = to.size[0];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    c->image[axis] = c->grid[axis] = c->kernel[axis] = c->stride[axis] = 1;
  for (size_t axis = 0; axis < axes; axis++) {
    const size_t at = CONVOLUTION_AXES - axes + axis;
    c->grid[at] = to.size[1 + axis];
    to.size[1 + axis] *= factor[axis];
    c->image[at] = to.size[1 + axis];
    c->kernel[at] = c->stride[at] = factor[axis];
  }
  return layer_set_output(layer, &to, error);
}

// Calls for every line of the image with it and the line of the grid that its boxes are of.
#define EACH_LINE(c, z, y)                   \
  for (size_t z = 0; z < (c)->image[0]; z++) \
    for (size_t y = 0; y < (c)->image[1]; y++)

static size_t grid_line(const struct convolution *c, size_t z, size_t y) {
  return (z / c->kernel[0] * c->grid[1] + y / c->kernel[1]) * c->grid[2];
}

static void spread(const struct convolution *c, size_t stride, const real *grid, real *image) {
  EACH_LINE(c, z, y) {
    const real *from = grid + grid_line(c, z, y) * stride;
    for (size_t x = 0; x < c->grid[2]; x++, from += stride)
      for (size_t k = 0; k < c->kernel[2]; k++, image += stride)
        memcpy(image, from, stride * sizeof *image);
  }
}

static void collect(const struct convolution *c, size_t stride, const real *restrict image,
                    real *restrict grid) {
  EACH_LINE(c, z, y) {
    real *to = grid + grid_line(c, z, y) * stride;
    for (size_t x = 0; x < c->grid[2]; x++, to += stride)
      for (size_t k = 0; k < c->kernel[2]; k++, image += stride)
        for (size_t j = 0; j < stride; j++) to[j] += image[j];
  }
}

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  (void)affine;
  const size_t stride = real_padded(layer_channels(&layer->to));
  for (size_t k = 0; k < rows->samples; k++)
    spread(&layer->map, stride, a + k * layer_stride(&layer->from),
           s + k * layer_stride(&layer->to));
  if (finish != NULL)
    finish->act(finish->context, 0, rows->samples * layer_positions(&layer->to), 0, stride);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  const size_t stride = real_padded(layer_channels(&layer->from));
  const size_t size = layer_stride(&layer->from);
  if (!add) memset(delta_a, 0, rows->samples * size * sizeof *delta_a);
  for (size_t k = 0; k < rows->samples; k++)
    collect(&layer->map, stride, delta_s + k * layer_stride(&layer->to), delta_a + k * size);
  if (finish != NULL)
    finish->act(finish->context, 0, rows->samples * layer_positions(&layer->from), 0, stride);
}

const struct layer_ops layer_upsample = {
    .name = "upsample",
    .place = place,
    .forward = forward,
    .backward_input = backward_input,
};
