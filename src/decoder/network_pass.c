// Values and tangents through a network, and the gradients back. Both share the linear parts of the
// layers, over all rows; between them each puts its own activations.
#include <assert.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/network.h"
#include "ground/memory.h"

// ---- the linear parts ----

// Buffers of a layer, rows of real_padded(outputs), or blocks of a field.
struct network_buffers {
  real *a;      // activations
  real *slope;  // of phi, NULL for the identity
  real *delta;  // d loss / d a, then d loss / d s
  real *bias;   // see layer_bias()
};

struct network_rows {
  const struct network *network;
  size_t room, last;       // rows it has room for, and those of the last pass
  real *input, *gradient;  // [rows][real_padded(inputs)]
  real *work;
  struct network_buffers *layers;
};

// Without `own_delta` the last layer's delta lies where its output was.
static struct network_rows *rows_create(const struct network *network, size_t rows,
                                        bool own_delta) {
  struct network_rows *r = memory_new(struct network_rows, 1);
  r->network = network;
  r->room = rows;
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

static void rows_destroy(struct network_rows **rows) {
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

static size_t rows_bytes(const struct network *network, size_t rows, bool own_delta) {
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

// s = W a of layer l, plus its second source if it has one, without the bias. Returns the bias of a
// block, NULL if nothing needs to be done about it.
static const real *rows_forward(struct network_rows *r, const real *theta, size_t l, size_t rows) {
  const struct layer *layer = &r->network->layers[l];
  const struct network_buffers *b = &r->layers[l];
  assert(rows <= r->room && rows % layer_block(layer) == 0);
  r->last = rows;
  layer_ops(layer->kind)->forward(layer, theta, rows, input_of(r, layer, 0), b->a, r->work);
  if (layer->sources == 2) add_to(rows * real_padded(layer->outputs), input_of(r, layer, 1), b->a);
  return layer_bias(layer, theta, b->bias);
}

// delta_a = W^T delta_s of layer l for its sources; for the network's input only if wanted.
static void rows_backward(struct network_rows *r, const real *theta, size_t l, size_t rows,
                          bool to_input) {
  const struct layer *layer = &r->network->layers[l];
  const real *delta_s = r->layers[l].delta;
  assert(rows == r->last);  // those that went forward
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

// The gradient of all parameters from `rows` rows on from row `first`, as a layer's
// backward_parameters().
static void rows_gradient(struct network_rows *r, size_t first, size_t rows, size_t bias_rows,
                          bool add, real *gradient) {
  assert(first + rows <= r->last && bias_rows <= rows);
  for (size_t l = 0; l < r->network->layer_count; l++) {
    const struct layer *layer = &r->network->layers[l];
    const struct layer_ops *ops = layer_ops(layer->kind);
    assert(first % layer_block(layer) == 0);
    if (ops->backward_parameters != NULL)
      ops->backward_parameters(
          layer, rows, bias_rows, r->layers[l].delta + first * real_padded(layer->outputs),
          input_of(r, layer, 0) + first * real_padded(layer->inputs), add, gradient, r->work);
  }
}

// ---- values ----

struct network_pass {
  struct network_rows *rows;
};

struct network_pass *network_pass_create(const struct network *network, size_t rows) {
  struct network_pass *pass = memory_new(struct network_pass, 1);
  pass->rows = rows_create(network, rows, false);
  return pass;
}

void network_pass_destroy(struct network_pass **pass) {
  if (*pass == NULL) return;
  rows_destroy(&(*pass)->rows);
  memory_free(pass);
}

size_t network_pass_bytes(const struct network *network, size_t rows) {
  return rows_bytes(network, rows, false);
}

real *network_pass_input(struct network_pass *pass) { return pass->rows->input; }

static void add_bias(size_t count, size_t stride, const real *restrict bias, real *restrict s) {
  for (size_t i = 0; i < count; i += stride)
    for (size_t j = 0; j < stride; j++) s[i + j] += bias[j];
}

// s = W a + b, a+ = phi(s), for every layer.
real *network_pass_forward(struct network_pass *pass, const real *theta, size_t rows) {
  const struct network *network = pass->rows->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct network_buffers *b = &pass->rows->layers[l];
    const size_t block = layer_block(layer), stride = block * real_padded(layer->outputs);
    const real *bias = rows_forward(pass->rows, theta, l, rows);
    if (b->slope != NULL)
      activation_forward(layer->activation, rows / block, stride, bias, b->a, b->slope);
    else if (bias != NULL)
      add_bias(rows / block * stride, stride, bias, b->a);
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
    rows_backward(pass->rows, theta, l, rows, to_input);
  }
  return to_input ? pass->rows->gradient : NULL;
}

void network_pass_gradient(struct network_pass *pass, size_t first, size_t count, real *gradient) {
  rows_gradient(pass->rows, first, count, count, false, gradient);
}

// ---- values and tangents: forward over reverse ----
//
// Rows of `a` and `slope` are a slot's values and then its tangents (slope: phi'(s), then
// phi''(s) s_dot); those of `delta` the other way round.

struct network_tangent {
  size_t size;
  struct network_rows *rows;
};

struct network_tangent *network_tangent_create(const struct network *network, size_t slots,
                                               size_t size) {
  struct network_tangent *t = memory_new(struct network_tangent, 1);
  assert(size % PLACEMENT_ROWS == 0);
  t->size = size;
  t->rows = rows_create(network, 2 * slots * size, true);
  return t;
}

void network_tangent_destroy(struct network_tangent **tangent) {
  if (*tangent == NULL) return;
  rows_destroy(&(*tangent)->rows);
  memory_free(tangent);
}

size_t network_tangent_bytes(const struct network *network, size_t slots, size_t size) {
  return rows_bytes(network, 2 * slots * size, true);
}

real *network_tangent_input(struct network_tangent *t, size_t slot) {
  return t->rows->input + 2 * slot * t->size * real_padded(t->rows->network->inputs);
}

real *network_tangent_delta(struct network_tangent *t, size_t slot) {
  const struct network *network = t->rows->network;
  return t->rows->layers[network->layer_count - 1].delta +
         2 * slot * t->size * real_padded(network->outputs);
}

// s = W a + b, s_dot = W a_dot; a+ = phi(s), a_dot+ = phi'(s) s_dot.
const real *network_tangent_forward(struct network_tangent *t, const real *theta, size_t slots,
                                    size_t rows) {
  const struct network *network = t->rows->network;
  assert(2 * slots * t->size <= rows);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct network_buffers *b = &t->rows->layers[l];
    const size_t width = real_padded(layer->outputs), half = t->size * width;
    const size_t block = layer_block(layer), stride = block * width;
    const real *bias = rows_forward(t->rows, theta, l, rows);
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
    rows_backward(t->rows, theta, l, rows, true);
  }
  return t->rows->gradient;
}

// Row by row, delta_dot meets a, and delta meets a_dot.
void network_tangent_gradient(struct network_tangent *t, size_t slot, real *gradient) {
  rows_gradient(t->rows, 2 * slot * t->size, 2 * t->size, t->size, true, gradient);
}
