// Convolutions and transposed convolutions, with weights as PyTorch keeps them. Both are one map
// and its transpose (convolution.h):
//
//   conv             s = W P(a)                 W [outputs][inputs][kernel], image = input
//   conv_transpose   s = P^T(W^T a)             W [inputs][outputs][kernel], image = output
#include <math.h>
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/layer.h"
#include "ground/memory.h"
#include "ground/rng.h"

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
  struct patches *p = &layer->patches;
  const size_t axes = layer->from.axes - 1, first = PATCHES_AXES - axes;
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    p->image[axis] = p->grid[axis] = p->kernel[axis] = p->stride[axis] = 1;
  return layer_expand(&spec->kernel, axes, "kernel", p->kernel + first, error) &&
         layer_expand(&spec->stride, axes, "stride", p->stride + first, error) &&
         layer_expand(&spec->padding, axes, "padding", p->padding + first, error);
}

// Takes the two sides of the patches from input and output.
static bool finish(struct layer *layer, const struct layer_shape *to, bool transposed,
                   struct error *error) {
  if (!layer_set_output(layer, to, error)) return false;
  struct patches *p = &layer->patches;
  const struct layer_shape *image = transposed ? to : &layer->from;
  const struct layer_shape *grid = transposed ? &layer->from : to;
  const size_t first = PATCHES_AXES - (to->axes - 1);
  p->channels = image->size[0];
  for (size_t axis = 1; axis < to->axes; axis++) {
    p->image[first + axis - 1] = image->size[axis];
    p->grid[first + axis - 1] = grid->size[axis];
  }
  const double weights = (double)grid->size[0] * (double)p->channels * (double)p->kernel[0] *
                         (double)p->kernel[1] * (double)p->kernel[2];
  if (weights > 1e15) return error_set(error, "it would have %.3g weights", weights);
  layer->weight_rows = grid->size[0];
  layer->weight_count = grid->size[0] * image->size[0] * patches_kernel(p);
  layer->bias_count = to->size[0];
  return true;
}

static bool place_conv(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  if (!needs_field(layer, error) || !read_kernel(layer, spec, error)) return false;
  const struct patches *p = &layer->patches;
  struct layer_shape to = {.axes = layer->from.axes, .size = {(size_t)spec->width}};
  char text[LAYER_SHAPE_TEXT];
  for (size_t axis = 1; axis < to.axes; axis++) {
    const size_t at = PATCHES_AXES - to.axes + axis;
    const size_t room = layer->from.size[axis] + 2 * p->padding[at];
    if (room < p->kernel[at])
      return error_set(error, "kernel %zu is wider than axis %zu of its input %s with padding %zu",
                       p->kernel[at], axis, layer_shape_text(&layer->from, text), p->padding[at]);
    to.size[axis] = (room - p->kernel[at]) / p->stride[at] + 1;
  }
  return finish(layer, &to, false, error);
}

static bool place_transpose(struct layer *layer, const struct layer_spec *spec,
                            struct error *error) {
  size_t more[PATCHES_AXES] = {0};
  if (!needs_field(layer, error) || !read_kernel(layer, spec, error) ||
      !layer_expand(&spec->output_padding, layer->from.axes - 1, "output_padding",
                    more + PATCHES_AXES - (layer->from.axes - 1), error))
    return false;
  const struct patches *p = &layer->patches;
  struct layer_shape to = {.axes = layer->from.axes, .size = {(size_t)spec->width}};
  char text[LAYER_SHAPE_TEXT];
  for (size_t axis = 1; axis < to.axes; axis++) {
    const size_t at = PATCHES_AXES - to.axes + axis;
    if (more[at] >= p->stride[at])
      return error_set(error, "output_padding %zu must be less than stride %zu", more[at],
                       p->stride[at]);
    const size_t length = (layer->from.size[axis] - 1) * p->stride[at] + p->kernel[at] + more[at];
    if (length <= 2 * p->padding[at])
      return error_set(error, "padding %zu leaves nothing of axis %zu of its input %s",
                       p->padding[at], axis, layer_shape_text(&layer->from, text));
    to.size[axis] = length - 2 * p->padding[at];
  }
  return finish(layer, &to, true, error);
}

// As PyTorch's nn.Conv and nn.ConvTranspose: 1/sqrt of the numbers behind the weight's first axis.
static double bound(const struct layer *layer) {
  return 1.0 / sqrt((double)(layer->weight_count / layer->weight_rows));
}

// ---- the map ----

static struct convolution convolution_of(const struct layer *layer) {
  return (struct convolution){&layer->patches, layer->weight_rows};
}

static size_t work_size(const struct layer *layer) {
  const struct convolution c = convolution_of(layer);
  return convolution_ops(&c)->work(&c);
}

static void to_grid(const struct layer *layer, const real *theta, size_t rows, const real *image,
                    bool add, real *grid, real *work) {
  const struct convolution c = convolution_of(layer);
  convolution_ops(&c)->to_grid(&c, theta + layer->weight, rows, image, add, grid, work);
}

static void to_image(const struct layer *layer, const real *theta, size_t rows, const real *grid,
                     bool add, real *image, real *work) {
  const struct convolution c = convolution_of(layer);
  convolution_ops(&c)->to_image(&c, theta + layer->weight, rows, grid, add, image, work);
}

static void to_bias(const struct layer *layer, const real *delta_s, real *bias) {
  const size_t positions = layer->outputs / layer->bias_count;
  for (size_t channel = 0; channel < layer->bias_count; channel++) {
    real sums[LAYER_ROWS] = {0}, sum = 0;
    for (size_t i = 0; i < positions; i++, delta_s += LAYER_ROWS)
      for (size_t row = 0; row < LAYER_ROWS; row++) sums[row] += delta_s[row];
    for (size_t row = 0; row < LAYER_ROWS; row++) sum += sums[row];
    bias[channel] += sum;
  }
}

static void forward_conv(const struct layer *layer, const real *theta, size_t rows, const real *a,
                         real *s, real *work) {
  to_grid(layer, theta, rows, a, false, s, work);
}

static void forward_transpose(const struct layer *layer, const real *theta, size_t rows,
                              const real *a, real *s, real *work) {
  to_image(layer, theta, rows, a, false, s, work);
}

static void backward_parameters(const struct layer *layer, size_t rows, size_t bias_rows,
                                const real *delta_s, const real *a, bool add, real *gradient,
                                real *work) {
  const struct convolution c = convolution_of(layer);
  const bool transposed = layer_ops(layer->kind)->weight_in_out;
  real *bias = gradient + layer->bias;
  convolution_ops(&c)->to_weight(&c, rows, transposed ? a : delta_s, transposed ? delta_s : a, add,
                                 gradient + layer->weight, work);
  if (!add) memset(bias, 0, real_padded(layer->bias_count) * sizeof *bias);
  for (size_t row = 0; row < bias_rows; row += LAYER_ROWS)
    to_bias(layer, delta_s + row * real_padded(layer->outputs), bias);
}

// ---- placement ----

static void fill_block(real *field, size_t width, uint64_t key) {
  for (size_t i = 0; i < width * LAYER_ROWS; i++)
    field[i] = (real)(rng_uniform(key, RNG_TEST, i / LAYER_ROWS, 0) - 0.5);
}

// Whether the samples of a block, all the same, came out the same within each class.
static bool samples_agree(const real *field, size_t width, const struct placement_rule *rule) {
  size_t first[LAYER_ROWS];
  for (size_t row = LAYER_ROWS; row-- > 0;) first[placement_class(rule, row)] = row;
  for (size_t i = 0; i < width; i++, field += LAYER_ROWS)
    for (size_t row = 0; row < LAYER_ROWS; row++)
      if (memcmp(&field[row], &field[first[placement_class(rule, row)]], sizeof *field) != 0)
        return false;
  return true;
}

// By trial with one block of equal samples, forward and back. The last choice, a class for each
// place in a block, always holds.
static void narrow(const struct layer *layer, struct placement_rule *rule) {
  const struct layer_ops *ops = layer_ops(layer->kind);
  struct layer alone = *layer;
  alone.weight = 0;
  real *weight = memory_new(real, layer->weight_count), *work = memory_new(real, work_size(layer));
  real *a = memory_new(real, LAYER_ROWS * real_padded(layer->inputs));
  real *s = memory_new(real, LAYER_ROWS * real_padded(layer->outputs));
  real *delta_a = memory_new(real, LAYER_ROWS * real_padded(layer->inputs));
  for (size_t i = 0; i < layer->weight_count; i++)
    weight[i] = (real)(rng_uniform(1, RNG_TEST, i, 1) - 0.5);
  fill_block(a, layer->inputs, 2);
  fill_block(s, layer->outputs, 3);
  ops->backward_input(&alone, weight, LAYER_ROWS, s, false, delta_a, work);
  ops->forward(&alone, weight, LAYER_ROWS, a, s, work);
  const size_t choices[] = {1, 2, LAYER_ROWS};
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    struct placement_rule candidate = *rule;
    candidate.classes = choices[i];
    if (candidate.classes < rule->classes || !samples_agree(s, layer->outputs, &candidate) ||
        !samples_agree(delta_a, layer->inputs, &candidate))
      continue;
    rule->classes = candidate.classes;
    break;
  }
  memory_free(&weight);
  memory_free(&work);
  memory_free(&a);
  memory_free(&s);
  memory_free(&delta_a);
}

const struct layer_ops layer_conv = {
    .name = "conv",
    .place = place_conv,
    .bound = bound,
    .work = work_size,
    .forward = forward_conv,
    .backward_input = to_image,
    .backward_parameters = backward_parameters,
    .narrow = narrow,
};

const struct layer_ops layer_conv_transpose = {
    .name = "conv_transpose",
    .weight_in_out = true,
    .place = place_transpose,
    .bound = bound,
    .work = work_size,
    .forward = forward_transpose,
    .backward_input = to_grid,
    .backward_parameters = backward_parameters,
    .narrow = narrow,
};
