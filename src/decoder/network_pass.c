// Values through a network, and the gradients back.
#include "decoder/activation.h"
#include "ground/memory.h"
#include "decoder/network_internal.h"

struct network_pass {
  struct network_rows *rows;
};

struct network_pass *network_pass_create(const struct network *network, size_t rows) {
  struct network_pass *pass = memory_new(struct network_pass, 1);
  pass->rows = network_rows_create(network, rows, false);
  return pass;
}

void network_pass_destroy(struct network_pass **pass) {
  if (*pass == NULL) return;
  network_rows_destroy(&(*pass)->rows);
  memory_free(pass);
}

size_t network_pass_bytes(const struct network *network, size_t rows) {
  return network_rows_bytes(network, rows, false);
}

real *network_pass_input(struct network_pass *pass) { return pass->rows->input; }

static void add_bias(size_t rows, size_t stride, const real *restrict bias, real *restrict s) {
  for (size_t row = 0; row < rows; row++)
    for (size_t j = 0; j < stride; j++) s[row * stride + j] += bias[j];
}

// s = W a + b, a+ = phi(s), for every layer.
real *network_pass_forward(struct network_pass *pass, const real *theta, size_t rows) {
  const struct network *network = pass->rows->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct network_buffers *b = &pass->rows->layers[l];
    const size_t block = layer_block(layer), stride = block * real_padded(layer->outputs);
    const real *bias = network_rows_forward(pass->rows, theta, l, rows);
    if (b->slope != NULL)
      activation_forward(layer->activation, rows / block, stride, bias, b->a, b->slope);
    else if (bias != NULL)
      add_bias(rows / block, stride, bias, b->a);
  }
  return pass->rows->layers[network->layer_count - 1].a;
}

static void multiply(size_t count, const real *restrict slope, real *restrict delta) {
  for (size_t i = 0; i < count; i++) delta[i] *= slope[i];
}

// delta_s = phi'(s) delta_a+, delta_a = W^T delta_s, from the output to the input.
const real *network_pass_backward(struct network_pass *pass, const real *theta, size_t rows,
                                  bool to_input) {
  const struct network *network = pass->rows->network;
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct network_buffers *b = &pass->rows->layers[l];
    if (b->slope != NULL)
      multiply(rows * real_padded(network->layers[l].outputs), b->slope, b->delta);
    network_rows_backward(pass->rows, theta, l, rows, to_input);
  }
  return to_input ? pass->rows->gradient : NULL;
}

void network_pass_gradient(struct network_pass *pass, size_t first, size_t count, real *gradient) {
  network_rows_gradient(pass->rows, first, count, count, false, gradient);
}
