// Values through a network, and the gradients back.
#include "activation.h"
#include "memory.h"
#include "network.h"

// Buffers of the l-th layer, rows of real_padded(outputs). In the pass back the last layer's delta
// lies where its output was.
struct buffers {
  real *a;      // activations
  real *slope;  // phi'(s), NULL for the identity
  real *delta;  // d loss / d a, then d loss / d s
};

struct network_pass {
  const struct network *network;
  real *input, *gradient;  // [rows][real_padded(inputs)]
  struct buffers *layers;
};

struct network_pass *network_pass_create(const struct network *network, size_t rows) {
  struct network_pass *pass = memory_new(struct network_pass, 1);
  pass->network = network;
  pass->input = memory_new(real, rows * real_padded(network->inputs));
  pass->gradient = memory_new(real, rows * real_padded(network->inputs));
  pass->layers = memory_new(struct buffers, network->layer_count);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    struct buffers *b = &pass->layers[l];
    const size_t size = rows * real_padded(layer->outputs);
    b->a = memory_new(real, size);
    if (layer->activation != ACTIVATION_IDENTITY) b->slope = memory_new(real, size);
    b->delta = l + 1 < network->layer_count ? memory_new(real, size) : b->a;
  }
  return pass;
}

void network_pass_destroy(struct network_pass **passage) {
  struct network_pass *pass = *passage;
  if (pass == NULL) return;
  for (size_t l = 0; l < pass->network->layer_count; l++) {
    struct buffers *b = &pass->layers[l];
    if (b->delta != b->a) memory_free(&b->delta);
    memory_free(&b->a);
    memory_free(&b->slope);
  }
  memory_free(&pass->layers);
  memory_free(&pass->input);
  memory_free(&pass->gradient);
  memory_free(passage);
}

size_t network_pass_bytes(const struct network *network, size_t rows) {
  size_t width = 2 * real_padded(network->inputs);
  for (size_t l = 0; l < network->layer_count; l++)
    width += 3 * real_padded(network->layers[l].outputs);
  return width * rows * sizeof(real);
}

real *network_pass_input(struct network_pass *pass) { return pass->input; }

static void add_bias(size_t rows, size_t stride, const real *restrict bias, real *restrict s) {
  for (size_t row = 0; row < rows; row++)
    for (size_t j = 0; j < stride; j++) s[row * stride + j] += bias[j];
}

static const real *layer_input(const struct network_pass *pass, size_t l) {
  return l == 0 ? pass->input : pass->layers[l - 1].a;
}

// s = W a + b, a+ = phi(s), for every layer.
real *network_pass_forward(struct network_pass *pass, const real *theta, size_t rows) {
  const struct network *network = pass->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct buffers *b = &pass->layers[l];
    const size_t stride = real_padded(layer->outputs);
    const real *bias = theta + layer->bias;
    layer_ops(layer->kind)->forward(layer, theta, rows, layer_input(pass, l), b->a);
    if (b->slope == NULL)
      add_bias(rows, stride, bias, b->a);
    else
      activation_forward(layer->activation, rows, stride, bias, b->a, b->slope);
  }
  return pass->layers[network->layer_count - 1].a;
}

static void multiply(size_t count, const real *restrict slope, real *restrict delta) {
  for (size_t i = 0; i < count; i++) delta[i] *= slope[i];
}

// delta_s = phi'(s) delta_a+, delta_a = W^T delta_s, from the output to the input.
const real *network_pass_backward(struct network_pass *pass, const real *theta, size_t rows,
                                  bool to_input) {
  const struct network *network = pass->network;
  real *gradient = to_input ? pass->gradient : NULL;
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct layer *layer = &network->layers[l];
    const struct buffers *b = &pass->layers[l];
    if (b->slope != NULL) multiply(rows * real_padded(layer->outputs), b->slope, b->delta);
    real *delta_a = l == 0 ? gradient : pass->layers[l - 1].delta;
    if (delta_a != NULL)
      layer_ops(layer->kind)->backward_input(layer, theta, rows, b->delta, delta_a);
  }
  return gradient;
}

void network_pass_gradient(struct network_pass *pass, size_t first, size_t count, real *gradient) {
  const struct network *network = pass->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    layer_ops(layer->kind)
        ->backward_parameters(
            layer, count, count, pass->layers[l].delta + first * real_padded(layer->outputs),
            layer_input(pass, l) + first * real_padded(layer->inputs), false, gradient);
  }
}
