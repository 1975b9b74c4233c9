#include "tangent.h"

#include <string.h>

#include "activation.h"
#include "loss.h"
#include "memory.h"

// Buffers of the l-th layer, rows of real_padded(outputs). Rows of `a` and `slope` are a slot's
// values and then its tangents; those of `delta` the other way round, so that one product over a
// slot's rows pairs each value with the other's tangent: d(v.g)/dW = delta_s_dot a^T + delta_s
// a_dot^T.
struct buffers {
  real *a;      // a; a_dot
  real *slope;  // phi'(s); phi''(s) s_dot. NULL for the identity
  real *delta;  // delta_dot; delta
};

struct tangent {
  const struct decoder *decoder;
  size_t slots, size;
  real *z, *product;  // [2 slots size][real_padded(d)]: z; v and H v; gradient
  struct buffers *layers;
};

static size_t row_count(const struct tangent *t) { return 2 * t->slots * t->size; }

struct tangent *tangent_create(const struct decoder *decoder, size_t slots, size_t size) {
  struct tangent *t = memory_new(struct tangent, 1);
  t->decoder = decoder;
  t->slots = slots;
  t->size = size;
  t->z = memory_new(real, row_count(t) * real_padded(decoder->d));
  t->product = memory_new(real, row_count(t) * real_padded(decoder->d));
  t->layers = memory_new(struct buffers, decoder->layer_count);
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const size_t count = row_count(t) * real_padded(decoder->layers[l].outputs);
    t->layers[l].a = memory_new(real, count);
    t->layers[l].delta = memory_new(real, count);
    if (decoder->layers[l].activation != ACTIVATION_IDENTITY)
      t->layers[l].slope = memory_new(real, count);
  }
  return t;
}

void tangent_destroy(struct tangent **tangent) {
  struct tangent *t = *tangent;
  if (t == NULL) return;
  for (size_t l = 0; l < t->decoder->layer_count; l++) {
    memory_free(&t->layers[l].a);
    memory_free(&t->layers[l].slope);
    memory_free(&t->layers[l].delta);
  }
  memory_free(&t->layers);
  memory_free(&t->z);
  memory_free(&t->product);
  memory_free(tangent);
}

size_t tangent_bytes(const struct decoder *decoder, size_t slots, size_t size) {
  return objective_bytes(decoder, 2 * slots * size);
}

real *tangent_latents(struct tangent *t, size_t slot) {
  return t->z + 2 * slot * t->size * real_padded(t->decoder->d);
}

real *tangent_directions(struct tangent *t, size_t slot) {
  return t->z + (2 * slot + 1) * t->size * real_padded(t->decoder->d);
}

const real *tangent_product(const struct tangent *t, size_t slot) {
  return t->product + 2 * slot * t->size * real_padded(t->decoder->d);
}

// s = W a + b, s_dot = W a_dot; a+ = phi(s), a_dot+ = phi'(s) s_dot.
static void forward(struct tangent *t, size_t slots, size_t rows) {
  const struct decoder *decoder = t->decoder;
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const struct layer *layer = &decoder->layers[l];
    const struct buffers *b = &t->layers[l];
    const size_t stride = real_padded(layer->outputs), half = t->size * stride;
    const real *bias = decoder->theta + layer->bias;
    layer_ops(layer->kind)
        ->forward(layer, decoder->theta, rows, l == 0 ? t->z : t->layers[l - 1].a, b->a);
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
}

// delta_x = d loss / d x and delta_x_dot = (d^2 loss / d x^2) x_dot of every sample.
static void output(struct tangent *t, size_t slots, const struct objective_row *samples) {
  const struct decoder *decoder = t->decoder;
  const struct buffers *b = &t->layers[decoder->layer_count - 1];
  const size_t stride = real_padded(decoder->n), half = t->size * stride;
  for (size_t slot = 0; slot < slots; slot++)
    for (size_t i = 0; i < t->size; i++) {
      const struct objective_row *sample = &samples[slot * t->size + i];
      real *dot = b->delta + 2 * slot * half + i * stride, *delta = dot + half;
      const real *x = b->a + 2 * slot * half + i * stride;
      if (sample->y == NULL) {
        memset(delta, 0, stride * sizeof *delta);
        memset(dot, 0, stride * sizeof *dot);
        continue;
      }
      memcpy(delta, x, stride * sizeof *x);
      memcpy(dot, x + half, stride * sizeof *x);
      loss_row_tangent(decoder->loss, decoder->n, stride, sample->y, sample->w, sample->weight_sum,
                       delta, dot);
    }
}

// delta_s = phi' delta_a, delta_s_dot = phi'' s_dot delta_a + phi' delta_a_dot.
static void through_activation(size_t count, const real *restrict slope, const real *restrict bend,
                               real *restrict delta, real *restrict dot) {
  for (size_t i = 0; i < count; i++) {
    dot[i] = bend[i] * delta[i] + slope[i] * dot[i];
    delta[i] *= slope[i];
  }
}

// delta_a = W^T delta_s, delta_a_dot = W^T delta_s_dot, from the output to the latent.
static void backward(struct tangent *t, size_t slots, size_t rows) {
  const struct decoder *decoder = t->decoder;
  for (size_t l = decoder->layer_count; l-- > 0;) {
    const struct layer *layer = &decoder->layers[l];
    const struct buffers *b = &t->layers[l];
    const size_t half = t->size * real_padded(layer->outputs);
    for (size_t slot = 0; slot < slots && b->slope != NULL; slot++) {
      const real *slope = b->slope + 2 * slot * half;
      real *dot = b->delta + 2 * slot * half;
      through_activation(half, slope, slope + half, dot + half, dot);
    }
    layer_ops(layer->kind)
        ->backward_input(layer, decoder->theta, rows, b->delta,
                         l == 0 ? t->product : t->layers[l - 1].delta);
  }
}

void tangent_sweep(struct tangent *t, size_t slots, size_t least,
                   const struct objective_row *samples) {
  size_t rows = 2 * slots * t->size;
  if (rows < least) rows = least;
  forward(t, slots, rows);
  output(t, slots, samples);
  backward(t, slots, rows);
}

void tangent_parameter_gradient(const struct tangent *t, size_t slot, real *gradient) {
  const struct decoder *decoder = t->decoder;
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const struct layer *layer = &decoder->layers[l];
    const size_t first = 2 * slot * t->size;
    const real *a = l == 0 ? t->z : t->layers[l - 1].a;
    layer_ops(layer->kind)
        ->backward_parameters(layer, 2 * t->size, t->size,
                              t->layers[l].delta + first * real_padded(layer->outputs),
                              a + first * real_padded(layer->inputs), true, gradient);
  }
}
