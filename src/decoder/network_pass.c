// Passes of values and tangents through a network, and of gradients back. Activations are applied
// to what a layer's products have just finished (product.h).
#include <assert.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/network.h"
#include "ground/memory.h"

// ---- what passes of values and of tangents have in common ----

// One array of a pass: the network's input and the output of every layer, [rows][layer_stride()].
struct field {
  real *input;
  real **layer;  // [layer_count]
};

// Arrays for the network's input and every layer; for layers with an activation; for the input and
// all but the last layer, whose delta takes the place of its output; for the input alone.
enum field_kind { FIELD_VALUES, FIELD_SLOPES, FIELD_DELTAS, FIELD_INPUT };

static bool field_has(enum field_kind kind, const struct network *network, size_t l) {
  if (kind == FIELD_SLOPES) return network->layers[l].activation != ACTIVATION_IDENTITY;
  return kind == FIELD_VALUES || (kind == FIELD_DELTAS && l + 1 < network->layer_count);
}

static size_t field_size(enum field_kind kind, const struct network *network) {
  size_t size = kind == FIELD_SLOPES ? 0 : real_padded(network->inputs);
  for (size_t l = 0; l < network->layer_count; l++)
    if (field_has(kind, network, l)) size += layer_stride(&network->layers[l].to);
  return size;
}

static void field_create(struct field *f, enum field_kind kind, const struct network *network,
                         size_t rows) {
  if (kind != FIELD_SLOPES) f->input = memory_new(real, rows * real_padded(network->inputs));
  f->layer = memory_new(real *, network->layer_count);
  for (size_t l = 0; l < network->layer_count; l++)
    if (field_has(kind, network, l))
      f->layer[l] = memory_new(real, rows * layer_stride(&network->layers[l].to));
}

static void field_destroy(struct field *f, enum field_kind kind, const struct network *network) {
  for (size_t l = 0; l < network->layer_count; l++)
    if (field_has(kind, network, l)) memory_free(&f->layer[l]);
  memory_free(&f->layer);
  memory_free(&f->input);
}

// The backward pass needs only slopes, so a delta may overwrite the layer's output; the gradient of
// theta needs both.
static enum field_kind deltas_of(bool with_parameters) {
  return with_parameters ? FIELD_DELTAS : FIELD_INPUT;
}

// Creates delta, sharing memory with whatever it may overwrite.
static void deltas_create(struct field *delta, enum field_kind kind, const struct network *network,
                          size_t rows, const struct field *a) {
  field_create(delta, kind, network, rows);
  for (size_t l = 0; l < network->layer_count; l++)
    if (!field_has(kind, network, l)) delta->layer[l] = a->layer[l];
}

// The index, among the arrays of a field, of the k-th source of a layer.
static real *source_of(const struct field *f, const struct layer *layer, size_t k) {
  return layer->source[k] == LAYER_NONE ? f->input : f->layer[layer->source[k]];
}

static void add_to(size_t count, const real *restrict from, real *restrict to) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
}

// All rows of a layer's output, or some of them.
static struct activation_block block_of(const struct layer_shape *shape, size_t rows,
                                        size_t columns) {
  return (struct activation_block){rows, columns, real_padded(layer_channels(shape))};
}

// What acts on the rows of a layer: the activation forward, or the way back through it.
struct step {
  const struct layer *layer;
  real *slope, *bend;  // bend: only where tangents are wanted
  real *x, *x_dot;     // a, a_dot or delta, delta_dot
};

typedef void step_function(const struct step *step, struct activation_block block, size_t at);

static void act(step_function *function, const struct step *step, size_t row, size_t rows,
                size_t column, size_t columns) {
  const struct activation_block block = block_of(&step->layer->to, rows, columns);
  function(step, block, row * block.stride + column);
}

static struct activation activation_of(const struct layer *layer) {
  return (struct activation){layer->activation, (real)layer->spec.slope};
}

static void forward_step(const struct step *s, struct activation_block block, size_t at) {
  activation_forward(activation_of(s->layer), block, s->x + at, s->slope + at);
}

static void curve_step(const struct step *s, struct activation_block block, size_t at) {
  activation_curve(activation_of(s->layer), block, s->x + at, s->slope + at, s->bend + at);
}

static void tangent_step(const struct step *s, struct activation_block block, size_t at) {
  activation_tangent(block, s->slope + at, s->bend + at, s->x_dot + at);
}

static void backward_step(const struct step *s, struct activation_block block, size_t at) {
  activation_backward(block, s->slope + at, s->x + at);
}

static void tangent_backward_step(const struct step *s, struct activation_block block, size_t at) {
  activation_tangent_backward(block, s->slope + at, s->bend + at, s->x + at, s->x_dot + at);
}

// The same in the form that a product calls.
#define FINISH(name)                                                                     \
  static void name##_finish(const void *context, size_t row, size_t rows, size_t column, \
                            size_t columns) {                                            \
    act(name##_step, context, row, rows, column, columns);                               \
  }
FINISH(forward)
FINISH(curve)
FINISH(tangent)
FINISH(backward)
FINISH(tangent_backward)

// s from a layer's sources, to which `finish` is then applied.
static void layer_forward(const struct layer *layer, const struct layer_rows *rows,
                          const struct field *a, bool affine, const struct product_finish *finish,
                          real *s) {
  const struct layer_ops *ops = layer_ops(layer->kind);
  if (layer->activation == ACTIVATION_IDENTITY) finish = NULL;
  if (layer->sources == 1) {
    ops->forward(layer, rows, source_of(a, layer, 0), affine, finish, s);
    return;
  }
  ops->forward(layer, rows, source_of(a, layer, 0), affine, NULL, s);
  add_to(rows->samples * layer_stride(&layer->to), source_of(a, layer, 1), s);
  if (finish != NULL)
    finish->act(finish->context, 0, rows->samples * layer_positions(&layer->to), 0,
                real_padded(layer_channels(&layer->to)));
}

// Whether the backward pass through a source's activation can be done as soon as this layer has
// computed its delta: no other layer adds to it, and there is an activation.
static bool finishes(const struct network *network, const struct layer *layer, size_t k) {
  return layer->source[k] != LAYER_NONE && layer->sole[k] &&
         network->layers[layer->source[k]].activation != ACTIVATION_IDENTITY;
}

// Whether a layer's delta is still that of its output, so that its activation remains to be passed:
// it is the last layer, or several layers have added to its delta.
static bool unfinished(const struct network *network, size_t l) {
  if (network->layers[l].activation == ACTIVATION_IDENTITY) return false;
  for (size_t later = l + 1; later < network->layer_count; later++)
    for (size_t k = 0; k < network->layers[later].sources; k++)
      if (network->layers[later].source[k] == l)
        return !finishes(network, &network->layers[later], k);
  return true;
}

// delta of a layer's sources; `finish` acts on that of the k-th one.
static void layer_backward(const struct layer *layer, const struct layer_rows *rows, size_t k,
                           const real *delta_s, const struct product_finish *finish,
                           real *delta_a) {
  const size_t count = rows->samples * layer_stride(&layer->to);
  if (k == 0) {
    layer_ops(layer->kind)->backward_input(layer, rows, delta_s, layer->shared[k], finish, delta_a);
    return;
  }
  if (layer->shared[k])
    add_to(count, delta_s, delta_a);
  else
    memcpy(delta_a, delta_s, count * sizeof *delta_a);
  if (finish != NULL)
    finish->act(finish->context, 0, rows->samples * layer_positions(&layer->to), 0,
                real_padded(layer_channels(&layer->to)));
}

// The terms of a layer's gradient, from row `first` on.
static struct layer_pairs pairs_of(const struct layer *layer, size_t l, size_t first, bool affine,
                                   const struct field *delta, const struct field *a) {
  return (struct layer_pairs){delta->layer[l] + first * layer_stride(&layer->to),
                              source_of(a, layer, 0) + first * layer_stride(&layer->from), affine};
}

// Adds a layer's gradient of each tile to the sums, via an array of all parameters.
static void layer_sums_by_array(const struct layer *layer, struct layer_rows rows, size_t tile,
                                const real *delta_s, const real *a, real *gradient,
                                struct reduction *sums) {
  for (size_t left = rows.samples; left > 0; left -= rows.samples) {
    rows.samples = left < tile ? left : tile;
    layer_ops(layer->kind)->backward_parameters(layer, &rows, delta_s, a, true, false, gradient);
    reduction_add_block(sums, layer->weight, gradient + layer->weight);
    reduction_add_block(sums, layer->bias, gradient + layer->bias);
    delta_s += rows.samples * layer_stride(&layer->to);
    a += rows.samples * layer_stride(&layer->from);
  }
}

// ---- values ----

struct network_pass {
  const struct network *network;
  size_t capacity;
  struct field a, slope, delta;
  enum field_kind deltas;
  real *work;
};

struct network_pass *network_pass_create(const struct network *network, size_t rows,
                                         bool with_parameters) {
  struct network_pass *pass = memory_new(struct network_pass, 1);
  pass->network = network;
  pass->capacity = rows;
  field_create(&pass->a, FIELD_VALUES, network, rows);
  field_create(&pass->slope, FIELD_SLOPES, network, rows);
  pass->deltas = deltas_of(with_parameters);
  deltas_create(&pass->delta, pass->deltas, network, rows, &pass->a);
  pass->work = memory_new(real, network_work(network));
  return pass;
}

void network_pass_destroy(struct network_pass **pass) {
  struct network_pass *p = *pass;
  if (p == NULL) return;
  field_destroy(&p->delta, p->deltas, p->network);
  field_destroy(&p->slope, FIELD_SLOPES, p->network);
  field_destroy(&p->a, FIELD_VALUES, p->network);
  memory_free(&p->work);
  memory_free(pass);
}

// Elements of a row.
static size_t pass_row(const struct network *network, bool with_parameters) {
  return field_size(FIELD_VALUES, network) + field_size(FIELD_SLOPES, network) +
         field_size(deltas_of(with_parameters), network);
}

size_t network_pass_bytes(const struct network *network, size_t rows, bool with_parameters) {
  return (rows * pass_row(network, with_parameters) + network_work(network)) * sizeof(real);
}

real *network_pass_input(struct network_pass *pass) { return pass->a.input; }

// s = W a + b, a+ = phi(s), for every layer.
real *network_pass_forward(struct network_pass *pass, struct network_values values, size_t rows) {
  const struct network *network = pass->network;
  assert(rows <= pass->capacity && network_is_packed(network, values));
  const struct layer_rows all = {rows, values.theta, values.packed, pass->work};
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct step step = {layer, pass->slope.layer[l], NULL, pass->a.layer[l], NULL};
    layer_forward(layer, &all, &pass->a, true, &(struct product_finish){forward_finish, &step},
                  pass->a.layer[l]);
  }
  return pass->a.layer[network->layer_count - 1];
}

const real *network_pass_taken(const struct network_pass *pass, const struct layer *layer) {
  return source_of(&pass->a, layer, 0);
}

// delta_s = phi'(s) delta_a+, delta_a = W^T delta_s, from the output to the input.
real *network_pass_backward(struct network_pass *pass, struct network_values values, size_t rows,
                            bool to_input) {
  const struct network *network = pass->network;
  const struct layer_rows all = {rows, values.theta, values.packed, pass->work};
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct layer *layer = &network->layers[l];
    const struct step own = {layer, pass->slope.layer[l], NULL, pass->delta.layer[l], NULL};
    if (unfinished(network, l))
      act(backward_step, &own, 0, rows * layer_positions(&layer->to), 0,
          real_padded(layer_channels(&layer->to)));
    for (size_t k = layer->sources; k-- > 0;) {
      if (layer->source[k] == LAYER_NONE && !to_input) continue;
      const bool finish = finishes(network, layer, k);
      const size_t source = layer->source[k];
      const struct step step =
          finish ? (struct step){&network->layers[source], pass->slope.layer[source], NULL,
                                 pass->delta.layer[source], NULL}
                 : own;
      layer_backward(layer, &all, k, pass->delta.layer[l],
                     finish ? &(struct product_finish){backward_finish, &step} : NULL,
                     source_of(&pass->delta, layer, k));
    }
  }
  return to_input ? pass->delta.input : NULL;
}

void network_pass_gradient(struct network_pass *pass, size_t first, size_t count, real *gradient) {
  assert(pass->deltas == FIELD_DELTAS);
  const struct layer_rows some = {.samples = count, .work = pass->work};
  for (size_t l = 0; l < pass->network->layer_count; l++) {
    const struct layer *layer = &pass->network->layers[l];
    const struct layer_ops *ops = layer_ops(layer->kind);
    if (ops->backward_parameters == NULL) continue;
    const struct layer_pairs p = pairs_of(layer, l, first, true, &pass->delta, &pass->a);
    ops->backward_parameters(layer, &some, p.delta_s, p.a, true, false, gradient);
  }
}

void network_pass_sum_gradients(struct network_pass *pass, size_t rows, size_t tile, real *gradient,
                                struct reduction *sums) {
  const struct layer_rows all = {.samples = rows, .work = pass->work};
  for (size_t l = 0; l < pass->network->layer_count; l++) {
    const struct layer *layer = &pass->network->layers[l];
    const struct layer_ops *ops = layer_ops(layer->kind);
    const real *delta_s = pass->delta.layer[l], *a = source_of(&pass->a, layer, 0);
    if (ops->sum_parameters != NULL)
      ops->sum_parameters(layer, &all, tile, delta_s, a, sums);
    else if (ops->backward_parameters != NULL)
      layer_sums_by_array(layer, all, tile, delta_s, a, gradient, sums);
  }
}

// ---- a row's pass ----

// The k-th array that the gradient of theta reads, where the outputs' deltas are in the place of
// the outputs; NULL beyond the last. *stride gets its elements per row.
static real *array_of(const struct network_pass *pass, size_t k, size_t *stride) {
  const struct network *network = pass->network;
  const size_t layers = network->layer_count;
  if (k == 0) {
    *stride = real_padded(network->inputs);
    return pass->a.input;
  }
  if (k > 2 * layers - 1) return NULL;
  const size_t l = (k - 1) % layers;
  *stride = layer_stride(&network->layers[l].to);
  return k <= layers ? pass->a.layer[l] : pass->delta.layer[l];
}

size_t network_pass_size(const struct network *network) {
  return field_size(FIELD_VALUES, network) + field_size(FIELD_DELTAS, network) -
         real_padded(network->inputs);
}

void network_pass_take(const struct network_pass *pass, size_t row, real *to) {
  assert(pass->deltas == FIELD_DELTAS);
  const real *from;
  for (size_t k = 0, stride; (from = array_of(pass, k, &stride)) != NULL; k++, to += stride)
    memcpy(to, from + row * stride, stride * sizeof *to);
}

void network_pass_put(struct network_pass *pass, size_t row, const real *from) {
  assert(pass->deltas == FIELD_DELTAS);
  real *to;
  for (size_t k = 0, stride; (to = array_of(pass, k, &stride)) != NULL; k++, from += stride)
    memcpy(to + row * stride, from, stride * sizeof *from);
}

// ---- values and tangents ----

struct network_tangent {
  const struct network *network;
  size_t capacity;
  struct field a, a_dot, slope, bend, delta, delta_dot;
  enum field_kind deltas;
  real *work;
};

struct network_tangent *network_tangent_create(const struct network *network, size_t rows,
                                               bool with_parameters) {
  struct network_tangent *t = memory_new(struct network_tangent, 1);
  t->network = network;
  t->capacity = rows;
  t->deltas = deltas_of(with_parameters);
  field_create(&t->a, FIELD_VALUES, network, rows);
  field_create(&t->a_dot, FIELD_VALUES, network, rows);
  field_create(&t->slope, FIELD_SLOPES, network, rows);
  field_create(&t->bend, FIELD_SLOPES, network, rows);
  deltas_create(&t->delta, t->deltas, network, rows, &t->a);
  deltas_create(&t->delta_dot, t->deltas, network, rows, &t->a_dot);
  t->work = memory_new(real, network_work(network));
  return t;
}

void network_tangent_destroy(struct network_tangent **tangent) {
  struct network_tangent *t = *tangent;
  if (t == NULL) return;
  field_destroy(&t->delta_dot, t->deltas, t->network);
  field_destroy(&t->delta, t->deltas, t->network);
  field_destroy(&t->bend, FIELD_SLOPES, t->network);
  field_destroy(&t->slope, FIELD_SLOPES, t->network);
  field_destroy(&t->a_dot, FIELD_VALUES, t->network);
  field_destroy(&t->a, FIELD_VALUES, t->network);
  memory_free(&t->work);
  memory_free(tangent);
}

size_t network_tangent_bytes(const struct network *network, size_t rows, bool with_parameters) {
  const size_t row = 2 * pass_row(network, with_parameters);
  return (rows * row + network_work(network)) * sizeof(real);
}

real *network_tangent_input(struct network_tangent *t) { return t->a.input; }
real *network_tangent_direction(struct network_tangent *t) { return t->a_dot.input; }

// s = W a + b, s_dot = W a_dot; a+ = phi(s), a_dot+ = phi'(s) s_dot.
struct network_pair network_tangent_forward(struct network_tangent *t, struct network_values values,
                                            size_t rows) {
  const struct network *network = t->network;
  assert(rows <= t->capacity && network_is_packed(network, values));
  const struct layer_rows all = {rows, values.theta, values.packed, t->work};
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const struct step step = {layer, t->slope.layer[l], t->bend.layer[l], t->a.layer[l],
                              t->a_dot.layer[l]};
    layer_forward(layer, &all, &t->a, true, &(struct product_finish){curve_finish, &step},
                  t->a.layer[l]);
    layer_forward(layer, &all, &t->a_dot, false, &(struct product_finish){tangent_finish, &step},
                  t->a_dot.layer[l]);
  }
  const size_t last = network->layer_count - 1;
  return (struct network_pair){t->a.layer[last], t->a_dot.layer[last]};
}

// delta_s = phi' delta_a, delta_s_dot = phi'' s_dot delta_a + phi' delta_a_dot;
// delta_a = W^T delta_s, delta_a_dot = W^T delta_s_dot, from the output to the input.
real *network_tangent_backward(struct network_tangent *t, struct network_values values,
                               size_t rows) {
  const struct network *network = t->network;
  const struct layer_rows all = {rows, values.theta, values.packed, t->work};
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct layer *layer = &network->layers[l];
    const struct step own = {layer, t->slope.layer[l], t->bend.layer[l], t->delta.layer[l],
                             t->delta_dot.layer[l]};
    if (unfinished(network, l))
      act(tangent_backward_step, &own, 0, rows * layer_positions(&layer->to), 0,
          real_padded(layer_channels(&layer->to)));
    for (size_t k = layer->sources; k-- > 0;) {
      const bool finish = finishes(network, layer, k);
      const size_t source = layer->source[k];
      const struct step step = finish
                                   ? (struct step){&network->layers[source], t->slope.layer[source],
                                                   t->bend.layer[source], t->delta.layer[source],
                                                   t->delta_dot.layer[source]}
                                   : own;
      layer_backward(layer, &all, k, t->delta.layer[l], NULL, source_of(&t->delta, layer, k));
      layer_backward(layer, &all, k, t->delta_dot.layer[l],
                     finish ? &(struct product_finish){tangent_backward_finish, &step} : NULL,
                     source_of(&t->delta_dot, layer, k));
    }
  }
  return t->delta_dot.input;
}

// d(v.g)/dW = delta_s_dot a^T + delta_s a_dot^T, and delta_s_dot for the bias.
void network_tangent_gradient(struct network_tangent *t, size_t first, size_t count,
                              real *gradient) {
  assert(t->deltas == FIELD_DELTAS);
  const struct layer_rows some = {.samples = count, .work = t->work};
  for (size_t l = 0; l < t->network->layer_count; l++) {
    const struct layer *layer = &t->network->layers[l];
    const struct layer_ops *ops = layer_ops(layer->kind);
    const struct layer_pairs pairs[] = {pairs_of(layer, l, first, true, &t->delta_dot, &t->a),
                                        pairs_of(layer, l, first, false, &t->delta, &t->a_dot)};
    if (ops->backward_parameters_both != NULL)
      ops->backward_parameters_both(layer, &some, pairs, true, gradient);
    else if (ops->backward_parameters != NULL)
      for (size_t i = 0; i < 2; i++)
        ops->backward_parameters(layer, &some, pairs[i].delta_s, pairs[i].a, pairs[i].affine, true,
                                 gradient);
  }
}
