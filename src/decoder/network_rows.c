#include <string.h>

#include "decoder/activation.h"
#include "ground/memory.h"
#include "decoder/network_internal.h"

struct network_rows *network_rows_create(const struct network *network, size_t rows,
                                         bool own_delta) {
  struct network_rows *r = memory_new(struct network_rows, 1);
  r->network = network;
  r->input = memory_new(real, rows * real_padded(network->inputs));
  r->gradient = memory_new(real, rows * real_padded(network->inputs));
  r->work = memory_new(real, network_work(network));
  r->layers = memory_new(struct network_buffers, network->layer_count);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    struct network_buffers *b = &r->layers[l];
    const size_t size = rows * real_padded(layer->outputs);
    b->a = memory_new(real, size);
    if (layer->activation != ACTIVATION_IDENTITY) b->slope = memory_new(real, size);
    b->delta = own_delta || l + 1 < network->layer_count ? memory_new(real, size) : b->a;
    b->bias = memory_new(real, layer_bias_size(layer));
  }
  return r;
}

void network_rows_destroy(struct network_rows **rows) {
  struct network_rows *r = *rows;
  if (r == NULL) return;
  for (size_t l = 0; l < r->network->layer_count; l++) {
    struct network_buffers *b = &r->layers[l];
    if (b->delta != b->a) memory_free(&b->delta);
    memory_free(&b->a);
    memory_free(&b->slope);
    memory_free(&b->bias);
  }
  memory_free(&r->layers);
  memory_free(&r->work);
  memory_free(&r->input);
  memory_free(&r->gradient);
  memory_free(rows);
}

size_t network_rows_bytes(const struct network *network, size_t rows, bool own_delta) {
  size_t width = 2 * real_padded(network->inputs), more = network_work(network);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    size_t buffers = 1;
    if (own_delta || l + 1 < network->layer_count) buffers++;
    if (layer->activation != ACTIVATION_IDENTITY) buffers++;
    width += buffers * real_padded(layer->outputs);
    more += layer_bias_size(layer);
  }
  return (width * rows + more) * sizeof(real);
}

static const real *input_of(const struct network_rows *r, const struct layer *layer, size_t k) {
  return layer->source[k] == LAYER_NONE ? r->input : r->layers[layer->source[k]].a;
}

static void add_to(size_t count, const real *restrict from, real *restrict to) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
}

const real *network_rows_forward(struct network_rows *r, const real *theta, size_t l, size_t rows) {
  const struct layer *layer = &r->network->layers[l];
  const struct network_buffers *b = &r->layers[l];
  layer_ops(layer->kind)->forward(layer, theta, rows, input_of(r, layer, 0), b->a, r->work);
  if (layer->sources == 2) add_to(rows * real_padded(layer->outputs), input_of(r, layer, 1), b->a);
  return layer_bias(layer, theta, b->bias);
}

void network_rows_backward(struct network_rows *r, const real *theta, size_t l, size_t rows,
                           bool to_input) {
  const struct layer *layer = &r->network->layers[l];
  const real *delta_s = r->layers[l].delta;
  const size_t count = rows * real_padded(layer->outputs);
  for (size_t k = layer->sources; k-- > 0;) {
    const bool from_input = layer->source[k] == LAYER_NONE;
    if (from_input && !to_input) continue;
    real *delta_a = from_input ? r->gradient : r->layers[layer->source[k]].delta;
    if (k == 0)
      layer_ops(layer->kind)
          ->backward_input(layer, theta, rows, delta_s, layer->shared[k], delta_a, r->work);
    else if (layer->shared[k])
      add_to(count, delta_s, delta_a);
    else
      memcpy(delta_a, delta_s, count * sizeof *delta_a);
  }
}

void network_rows_gradient(struct network_rows *r, size_t first, size_t rows, size_t bias_rows,
                           bool add, real *gradient) {
  for (size_t l = 0; l < r->network->layer_count; l++) {
    const struct layer *layer = &r->network->layers[l];
    const struct layer_ops *ops = layer_ops(layer->kind);
    if (ops->backward_parameters != NULL)
      ops->backward_parameters(
          layer, rows, bias_rows, r->layers[l].delta + first * real_padded(layer->outputs),
          input_of(r, layer, 0) + first * real_padded(layer->inputs), add, gradient, r->work);
  }
}
