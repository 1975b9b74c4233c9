// Dense layer: s = W a + b with W of outputs x inputs.
#include <math.h>
#include <string.h>

#include "decoder/layer.h"

static bool place(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  const struct layer_shape to = {1, {(size_t)spec->width}};
  layer->weight_rows = layer->bias_count = (size_t)spec->width;
  layer->weight_count = layer->weight_rows * layer->inputs;
  return layer_set_output(layer, &to, error);
}

// As PyTorch's nn.Linear.
static double bound(const struct layer *layer) { return 1.0 / sqrt((double)layer->inputs); }

// Panels of both products, one behind the other.
static size_t forward_size(const struct layer *layer) {
  return product_panels_size(layer->inputs, layer->outputs);
}

static size_t packed_size(const struct layer *layer) {
  return forward_size(layer) + product_panels_size(layer->outputs, layer->inputs);
}

static void pack(const struct layer *layer, const real *theta, real *packed, real *work) {
  (void)work;
  const real *weight = theta + layer->weight;
  product_pack(layer->inputs, layer->outputs, weight, 1, layer->inputs, packed);
  product_pack(layer->outputs, layer->inputs, weight, layer->inputs, 1,
               packed + forward_size(layer));
}

static void forward(const struct layer *layer, const struct layer_rows *rows, const real *a,
                    bool affine, const struct product_finish *finish, real *s) {
  const struct product_matrix w = {
      .terms = layer->inputs, .outputs = layer->outputs, .panels = rows->packed + layer->packed};
  const struct product_rows product = {.rows = rows->samples,
                                       .a = a,
                                       .a_stride = real_padded(layer->inputs),
                                       .bias = affine ? rows->theta + layer->bias : NULL,
                                       .c = s,
                                       .c_stride = real_padded(layer->outputs),
                                       .finish = finish};
  product_multiply(&w, &product);
}

static void backward_input(const struct layer *layer, const struct layer_rows *rows,
                           const real *delta_s, bool add, const struct product_finish *finish,
                           real *delta_a) {
  const struct product_matrix w = {.terms = layer->outputs,
                                   .outputs = layer->inputs,
                                   .panels = rows->packed + layer->packed + forward_size(layer),
                                   .ends = layer->chains};
  const struct product_rows product = {.rows = rows->samples,
                                       .a = delta_s,
                                       .a_stride = real_padded(layer->outputs),
                                       .add = add,
                                       .c = delta_a,
                                       .c_stride = real_padded(layer->inputs),
                                       .finish = finish};
  product_multiply(&w, &product);
}

static void backward_bias(const struct layer *layer, size_t samples, const real *delta_s,
                          real *bias) {
  const size_t stride = real_padded(layer->outputs);
  for (size_t row = 0; row < samples; row++)
    for (size_t j = 0; j < stride; j++) bias[j] += delta_s[row * stride + j];
}

static struct product_gradient weight_gradient(const struct layer *layer, size_t samples,
                                               const real *delta_s, const real *a) {
  return (struct product_gradient){.terms = samples,
                                   .outputs = layer->outputs,
                                   .inputs = layer->inputs,
                                   .delta = delta_s,
                                   .delta_stride = real_padded(layer->outputs),
                                   .a = a,
                                   .a_stride = real_padded(layer->inputs)};
}

static void sum_pairs(const struct layer *layer, size_t samples, size_t count,
                      const struct layer_pairs *pairs, bool add, real *gradient) {
  struct product_gradient product[2];
  real *bias = gradient + layer->bias;
  if (!add) memset(bias, 0, real_padded(layer->outputs) * sizeof *bias);
  for (size_t i = count; i-- > 0;) {
    product[i] = weight_gradient(layer, samples, pairs[i].delta_s, pairs[i].a);
    product[i].further = i + 1 < count ? &product[i + 1] : NULL;
    if (pairs[i].affine) backward_bias(layer, samples, pairs[i].delta_s, bias);
  }
  product[0].add = add;
  product[0].g = gradient + layer->weight;
  product_gradient(&product[0]);
}

static void backward_parameters(const struct layer *layer, const struct layer_rows *rows,
                                const real *delta_s, const real *a, bool affine, bool add,
                                real *gradient) {
  sum_pairs(layer, rows->samples, 1, &(struct layer_pairs){delta_s, a, affine}, add, gradient);
}

static void backward_parameters_both(const struct layer *layer, const struct layer_rows *rows,
                                     const struct layer_pairs pairs[2], bool add, real *gradient) {
  sum_pairs(layer, rows->samples, 2, pairs, add, gradient);
}

// The work space holds the bias' gradient of a tile.
static size_t work_size(const struct layer *layer) { return real_padded(layer->outputs); }

static void sum_parameters(const struct layer *layer, const struct layer_rows *rows, size_t tile,
                           const real *delta_s, const real *a, struct reduction *sums) {
  const size_t stride = work_size(layer), tiles = (rows->samples + tile - 1) / tile;
  struct product_gradient product = weight_gradient(layer, rows->samples, delta_s, a);
  product.sums = reduction_block(sums, layer->weight, (int64_t)tiles);
  product.tile = tile;
  product_gradient(&product);
  for (size_t row = 0; row < rows->samples; row += tile) {
    const size_t left = rows->samples - row;
    memset(rows->work, 0, stride * sizeof *rows->work);
    backward_bias(layer, left < tile ? left : tile, delta_s + row * stride, rows->work);
    reduction_add_block(sums, layer->bias, rows->work);
  }
}

const struct layer_ops layer_dense = {
    .name = "dense",
    .flat = true,
    .place = place,
    .bound = bound,
    .work = work_size,
    .packed = packed_size,
    .pack = pack,
    .forward = forward,
    .backward_input = backward_input,
    .backward_parameters = backward_parameters,
    .backward_parameters_both = backward_parameters_both,
    .sum_parameters = sum_parameters,
};
