// Values and tangents through a network, and second derivatives back. Rows of `a` and `slope` are a
// slot's values and then its tangents (slope: phi'(s), then phi''(s) s_dot); those of `delta` the
// other way round.
#include "decoder/activation.h"
#include "ground/memory.h"
#include "decoder/network_internal.h"

struct network_tangent {
  size_t size;
  struct network_rows *rows;
};

struct network_tangent *network_tangent_create(const struct network *network, size_t slots,
                                               size_t size) {
  struct network_tangent *t = memory_new(struct network_tangent, 1);
  t->size = size;
  t->rows = network_rows_create(network, 2 * slots * size, true);
  return t;
}

void network_tangent_destroy(struct network_tangent **tangent) {
  if (*tangent == NULL) return;
  network_rows_destroy(&(*tangent)->rows);
  memory_free(tangent);
}

size_t network_tangent_bytes(const struct network *network, size_t slots, size_t size) {
  return network_rows_bytes(network, 2 * slots * size, true);
}

real *network_tangent_input(struct network_tangent *t, size_t slot) {
  return t->rows->input + 2 * slot * t->size * real_padded(t->rows->network->inputs);
}

real *network_tangent_delta(struct network_tangent *t, size_t slot) {
  const struct network *network = t->rows->network;
  return t->rows->layers[network->layer_count - 1].delta +
         2 * slot * t->size * real_padded(network->outputs);
}

static void add_bias(size_t count, size_t stride, const real *restrict bias, real *restrict s) {
  for (size_t i = 0; i < count; i += stride)
    for (size_t j = 0; j < stride; j++) s[i + j] += bias[j];
}

// s = W a + b, s_dot = W a_dot; a+ = phi(s), a_dot+ = phi'(s) s_dot.
const real *network_tangent_forward(struct network_tangent *t, const real *theta, size_t slots,
                                    size_t rows) {
  const struct network *network = t->rows->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct network_buffers *b = &t->rows->layers[l];
    const size_t width = real_padded(layer->outputs), half = t->size * width;
    const size_t block = layer_block(layer), stride = block * width;
    const real *bias = network_rows_forward(t->rows, theta, l, rows);
    for (size_t slot = 0; slot < slots; slot++) {
      real *a = b->a + 2 * slot * half;
      if (b->slope != NULL) {
        real *slope = b->slope + 2 * slot * half;
        activation_tangent(layer->activation, t->size / block, stride, bias, a, a + half, slope,
                           slope + half);
      } else if (bias != NULL) {
        add_bias(half, stride, bias, a);
      }
    }
  }
  return t->rows->layers[network->layer_count - 1].a;
}

// delta_s = phi' delta_a, delta_s_dot = phi'' s_dot delta_a + phi' delta_a_dot.
static void through_activation(size_t count, const real *restrict slope, const real *restrict bend,
                               real *restrict delta, real *restrict dot) {
  for (size_t i = 0; i < count; i++) {
    dot[i] = bend[i] * delta[i] + slope[i] * dot[i];
    delta[i] *= slope[i];
  }
}

// delta_a = W^T delta_s, delta_a_dot = W^T delta_s_dot, from the output to the input.
const real *network_tangent_backward(struct network_tangent *t, const real *theta, size_t slots,
                                     size_t rows) {
  const struct network *network = t->rows->network;
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct network_buffers *b = &t->rows->layers[l];
    const size_t half = t->size * real_padded(network->layers[l].outputs);
    for (size_t slot = 0; slot < slots && b->slope != NULL; slot++) {
      const real *slope = b->slope + 2 * slot * half;
      real *dot = b->delta + 2 * slot * half;
      through_activation(half, slope, slope + half, dot + half, dot);
    }
    network_rows_backward(t->rows, theta, l, rows, true);
  }
  return t->rows->gradient;
}

// Row by row, delta_dot meets a, and delta meets a_dot.
void network_tangent_gradient(struct network_tangent *t, size_t slot, real *gradient) {
  network_rows_gradient(t->rows, 2 * slot * t->size, 2 * t->size, t->size, true, gradient);
}
