// Upsampling: every position of the input, the grid, becomes a box of equal positions of the
// output, the image (upsampling.h).
#include <string.h>

#include "decoder/layer.h"
#include "decoder/upsampling.h"

static bool place(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  const size_t axes = layer->from.axes - 1;
  size_t factor[CONVOLUTION_AXES];
  if (axes == 0)
    return error_set(error,
                     "needs channels and spatial axes, but its input is flat with %zu "
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

static struct upsampling upsampling_of(const struct layer *layer) {
  const struct convolution *c = &layer->map;
  struct upsampling u = {.channels = c->grid_channels};
  memcpy(u.size, c->grid, sizeof u.size);
  memcpy(u.factor, c->kernel, sizeof u.factor);
  return u;
}

static void finish_rows(const struct layer_shape *shape, size_t samples,
                        const struct product_finish *finish) {
  if (finish != NULL)
    finish->act(finish->context, 0, samples * layer_positions(shape), 0,
                real_padded(layer_channels(shape)));
}

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  (void)affine;
  const struct upsampling u = upsampling_of(layer);
  upsampling_spread(&u, rows->samples, a, s);
  finish_rows(&layer->to, rows->samples, finish);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  const struct upsampling u = upsampling_of(layer);
  upsampling_collect(&u, rows->samples, delta_s, add, delta_a);
  finish_rows(&layer->from, rows->samples, finish);
}

const struct layer_ops layer_upsample = {
    .name = "upsample",
    .place = place,
    .forward = forward,
    .backward_input = backward_input,
};
