// Values and tangents through a network, and second derivatives back.
#include "activation.h"
#include "memory.h"
#include "network.h"

// Buffers of the l-th layer, rows of real_padded(outputs). Rows of `a` and `slope` are a slot's
// values and then its tangents; those of `delta` the other way round.
struct buffers {
  real *a;      // a; a_dot
  real *slope;  // phi'(s); phi''(s) s_dot. NULL for the identity
  real *delta;  // delta_dot; delta
};

struct network_tangent {
  const struct network *network;
  size_t slots, size;
  real *input, *product;  // [2 slots size][real_padded(inputs)]: values, v; H v, gradient
  struct buffers *layers;
};

static size_t row_count(const struct network_tangent *t) { return 2 * t->slots * t->size; }

struct network_tangent *network_tangent_create(const struct network *network, size_t slots,
                                               size_t size) {
  struct network_tangent *t = memory_new(struct network_tangent, 1);
  t->network = network;
  t->slots = slots;
  t->size = size;
  t->input = memory_new(real, row_count(t) * real_padded(network->inputs));
  t->product = memory_new(real, row_count(t) * real_padded(network->inputs));
  t->layers = memory_new(struct buffers, network->layer_count);
  for (size_t l = 0; l < network->layer_count; l++) {
    const size_t count = row_count(t) * real_padded(network->layers[l].outputs);
    t->layers[l].a = memory_new(real, count);
    t->layers[l].delta = memory_new(real, count);
    if (network->layers[l].activation != ACTIVATION_IDENTITY)
      t->layers[l].slope = memory_new(real, count);
  }
  return t;
}

void network_tangent_destroy(struct network_tangent **tangent) {
  struct network_tangent *t = *tangent;
  if (t == NULL) return;
  for (size_t l = 0; l < t->network->layer_count; l++) {
    memory_free(&t->layers[l].a);
    memory_free(&t->layers[l].slope);
    memory_free(&t->layers[l].delta);
  }
  memory_free(&t->layers);
  memory_free(&t->input);
  memory_free(&t->product);
  memory_free(tangent);
}

size_t network_tangent_bytes(const struct network *network, size_t slots, size_t size) {
  return network_pass_bytes(network, 2 * slots * size);
}

real *network_tangent_input(struct network_tangent *t, size_t slot) {
  return t->input + 2 * slot * t->size * real_padded(t->network->inputs);
}

real *network_tangent_delta(struct network_tangent *t, size_t slot) {
  const size_t last = t->network->layer_count - 1;
  return t->layers[last].delta + 2 * slot * t->size * real_padded(t->network->outputs);
}

static const real *layer_input(const struct network_tangent *t, size_t l) {
  return l == 0 ? t->input : t->layers[l - 1].a;
}

// s = W a + b, s_dot = W a_dot; a+ = phi(s), a_dot+ = phi'(s) s_dot.
const real *network_tangent_forward(struct network_tangent *t, const real *theta, size_t slots,
                                    size_t rows) {
  const struct network *network = t->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct buffers *b = &t->layers[l];
    const size_t stride = real_padded(layer->outputs), half = t->size * stride;
    const real *bias = theta + layer->bias;
    layer_ops(layer->kind)->forward(layer, theta, rows, layer_input(t, l), b->a);
    for (size_t slot = 0; slot < slots; slot++) {
      real *a = b->a + 2 * slot * half;
      if (b->slope == NULL) {
        for (size_t i = 0; i < half; i += stride)
          for (size_t j = 0; j < stride; j++) a[i + j] += bias[j];
      } else {
        real *slope = b->slope + 2 * slot * half;
        activation_tangent(layer->activation, t->size, stride, bias, a, a + half, slope,
                           slope + half);
      }
    }
  }
  return t->layers[network->layer_count - 1].a;
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
  const struct network *network = t->network;
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct layer *layer = &network->layers[l];
    const struct buffers *b = &t->layers[l];
    const size_t half = t->size * real_padded(layer->outputs);
    for (size_t slot = 0; slot < slots && b->slope != NULL; slot++) {
      const real *slope = b->slope + 2 * slot * half;
      real *dot = b->delta + 2 * slot * half;
      through_activation(half, slope, slope + half, dot + half, dot);
    }
    layer_ops(layer->kind)
        ->backward_input(layer, theta, rows, b->delta,
                         l == 0 ? t->product : t->layers[l - 1].delta);
  }
  return t->product;
}

void network_tangent_gradient(struct network_tangent *t, size_t slot, real *gradient) {
  const struct network *network = t->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const size_t first = 2 * slot * t->size;
    layer_ops(layer->kind)
        ->backward_parameters(
            layer, 2 * t->size, t->size, t->layers[l].delta + first * real_padded(layer->outputs),
            layer_input(t, l) + first * real_padded(layer->inputs), true, gradient);
  }
}
