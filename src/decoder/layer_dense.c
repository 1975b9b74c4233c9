// Dense layer: s = W a + b with W of outputs x inputs.
#include <math.h>
#include <string.h>

#include "decoder/layer.h"
#include "platform/blas.h"

static bool place(struct layer *layer, const struct layer_spec *spec, struct error *error) {
  const struct layer_shape to = {1, {(size_t)spec->width}};
  layer->weight_rows = layer->bias_count = (size_t)spec->width;
  layer->weight_count = layer->weight_rows * layer->inputs;
  return layer_set_output(layer, &to, error);
}

// As PyTorch's nn.Linear.
static double bound(const struct layer *layer) { return 1.0 / sqrt((double)layer->inputs); }

static void forward(const struct layer *layer, const real *theta, size_t rows, const real *a,
                    real *s, real *work) {
  (void)work;
  blas_gemm(false, true, rows, layer->outputs, layer->inputs, a, real_padded(layer->inputs),
            theta + layer->weight, layer->inputs, 0, s, real_padded(layer->outputs));
}

static void backward_input(const struct layer *layer, const real *theta, size_t rows,
                           const real *delta_s, bool add, real *delta_a, real *work) {
  (void)work;
  blas_gemm(false, false, rows, layer->inputs, layer->outputs, delta_s, real_padded(layer->outputs),
            theta + layer->weight, layer->inputs, add ? 1 : 0, delta_a, real_padded(layer->inputs));
}

static void backward_parameters(const struct layer *layer, size_t rows, size_t bias_rows,
                                const real *delta_s, const real *a, bool add, real *gradient,
                                real *work) {
  (void)work;
  const size_t stride = real_padded(layer->outputs);
  blas_gemm(true, false, layer->outputs, layer->inputs, rows, delta_s, stride, a,
            real_padded(layer->inputs), add ? 1 : 0, gradient + layer->weight, layer->inputs);
  real *bias = gradient + layer->bias;
  if (!add) memset(bias, 0, stride * sizeof *bias);
  for (size_t row = 0; row < bias_rows; row++)
    for (size_t j = 0; j < stride; j++) bias[j] += delta_s[row * stride + j];
}

static void narrow(const struct layer *layer, struct placement_rule *rule) {
  placement_narrow(rule, true, layer->outputs, layer->inputs);
  placement_narrow(rule, false, layer->inputs, layer->outputs);
}

const struct layer_ops layer_dense = {
    .name = "dense",
    .flat = true,
    .place = place,
    .bound = bound,
    .forward = forward,
    .backward_input = backward_input,
    .backward_parameters = backward_parameters,
    .narrow = narrow,
};
