// Upsampling: every position of the input becomes a box of equal ones. The boxes are patches that
// lie side by side, so that the way back is their sum.
#include <string.h>

#include "decoder/layer.h"

static bool place(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  const size_t axes = layer->from.axes - 1;
  size_t factor[PATCHES_AXES];
  if (axes == 0)
    return error_set(error,
                     "needs channels and axes of space, but its input is flat with %zu "
                     "numbers; put a reshape before it",
                     layer->inputs);
  if (!layer_expand(&spec->sizes, axes, "upsample", factor, error)) return false;
  struct layer_shape to = layer->from;
  struct patches *p = &layer->patches;
  p->channels = to.size[0];
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    p->image[axis] = p->grid[axis] = p->kernel[axis] = p->stride[axis] = 1;
  for (size_t axis = 0; axis < axes; axis++) {
    const size_t at = PATCHES_AXES - axes + axis;
    p->grid[at] = to.size[1 + axis];
    to.size[1 + axis] *= factor[axis];
    p->image[at] = to.size[1 + axis];
    p->kernel[at] = p->stride[at] = factor[axis];
  }
  return layer_set_output(layer, &to, error);
}

// Where the box position that begins at line (z, y) of the input lies in the output.
static size_t line_of(const struct patches *p, size_t z, size_t y) {
  return (z * p->image[1] + y) * p->image[2] * LAYER_ROWS;
}

static void spread(const struct patches *p, const real *restrict grid, real *restrict image) {
  for (size_t z = 0; z < p->image[0]; z++)
    for (size_t y = 0; y < p->image[1]; y++) {
      const real *from =
          grid + (z / p->kernel[0] * p->grid[1] + y / p->kernel[1]) * p->grid[2] * LAYER_ROWS;
      real *to = image + line_of(p, z, y);
      for (size_t x = 0; x < p->grid[2]; x++, from += LAYER_ROWS)
        for (size_t k = 0; k < p->kernel[2]; k++, to += LAYER_ROWS)
          for (size_t row = 0; row < LAYER_ROWS; row++) to[row] = from[row];
    }
}

static void collect(const struct patches *p, const real *restrict image, real *restrict grid) {
  for (size_t z = 0; z < p->image[0]; z++)
    for (size_t y = 0; y < p->image[1]; y++) {
      real *to =
          grid + (z / p->kernel[0] * p->grid[1] + y / p->kernel[1]) * p->grid[2] * LAYER_ROWS;
      const real *from = image + line_of(p, z, y);
      for (size_t x = 0; x < p->grid[2]; x++, to += LAYER_ROWS)
        for (size_t k = 0; k < p->kernel[2]; k++, from += LAYER_ROWS)
          for (size_t row = 0; row < LAYER_ROWS; row++) to[row] += from[row];
    }
}

static void forward(const struct layer *layer, const real *theta, size_t rows, const real *a,
                    real *s, real *work) {
  (void)theta, (void)work;
  const struct patches *p = &layer->patches;
  const size_t grid = patches_grid(p) * LAYER_ROWS, image = patches_image(p) * LAYER_ROWS;
  for (size_t row = 0; row < rows; row += LAYER_ROWS)
    for (size_t c = 0; c < p->channels; c++)
      spread(p, a + row * real_padded(layer->inputs) + c * grid,
             s + row * real_padded(layer->outputs) + c * image);
}

static void backward_input(const struct layer *layer, const real *theta, size_t rows,
                           const real *delta_s, bool add, real *delta_a, real *work) {
  (void)theta, (void)work;
  const struct patches *p = &layer->patches;
  const size_t grid = patches_grid(p) * LAYER_ROWS, image = patches_image(p) * LAYER_ROWS;
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    real *to = delta_a + row * real_padded(layer->inputs);
    if (!add) memset(to, 0, p->channels * grid * sizeof *to);
    for (size_t c = 0; c < p->channels; c++)
      collect(p, delta_s + row * real_padded(layer->outputs) + c * image, to + c * grid);
  }
}

const struct layer_ops layer_upsample = {
    .name = "upsample",
    .place = place,
    .forward = forward,
    .backward_input = backward_input,
};
