#include "objective.h"

#include <string.h>

#include "activation.h"
#include "elementary.h"
#include "loss.h"
#include "memory.h"

// Buffers of the l-th layer, rows of real_padded(outputs). In the backward pass the output layer's
// delta lies where its output was.
struct buffers {
  real *a;      // activations
  real *slope;  // phi'(s), NULL for the identity
  real *delta;  // d loss / d a, then d loss / d s
};

struct objective {
  const struct decoder *decoder;
  size_t rows;
  real *z, *gradient;  // [rows][real_padded(d)]
  struct buffers *layers;
};

struct objective *objective_create(const struct decoder *decoder, size_t rows) {
  struct objective *o = memory_new(struct objective, 1);
  o->decoder = decoder;
  o->rows = rows;
  o->z = memory_new(real, rows * real_padded(decoder->d));
  o->gradient = memory_new(real, rows * real_padded(decoder->d));
  o->layers = memory_new(struct buffers, decoder->layer_count);
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const struct layer *layer = &decoder->layers[l];
    const size_t size = rows * real_padded(layer->outputs);
    o->layers[l].a = memory_new(real, size);
    if (layer->activation != ACTIVATION_IDENTITY) o->layers[l].slope = memory_new(real, size);
    o->layers[l].delta = l + 1 < decoder->layer_count ? memory_new(real, size) : o->layers[l].a;
  }
  return o;
}

void objective_destroy(struct objective **objective) {
  struct objective *o = *objective;
  if (o == NULL) return;
  for (size_t l = 0; l < o->decoder->layer_count; l++) {
    if (o->layers[l].delta != o->layers[l].a) memory_free(&o->layers[l].delta);
    memory_free(&o->layers[l].a);
    memory_free(&o->layers[l].slope);
  }
  memory_free(&o->layers);
  memory_free(&o->z);
  memory_free(&o->gradient);
  memory_free(objective);
}

size_t objective_bytes(const struct decoder *decoder, size_t rows) {
  size_t width = 2 * real_padded(decoder->d);
  for (size_t l = 0; l < decoder->layer_count; l++)
    width += 3 * real_padded(decoder->layers[l].outputs);
  return width * rows * sizeof(real);
}

real *objective_latents(struct objective *o) { return o->z; }

static void add_bias(size_t rows, size_t stride, const real *restrict bias, real *restrict s) {
  for (size_t row = 0; row < rows; row++)
    for (size_t j = 0; j < stride; j++) s[row * stride + j] += bias[j];
}

static const real *layer_input(const struct objective *o, size_t l) {
  return l == 0 ? o->z : o->layers[l - 1].a;
}

// s = W a + b, a+ = phi(s), for every layer. Returns the decoder's output.
static real *forward(struct objective *o, size_t rows) {
  const struct decoder *decoder = o->decoder;
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const struct layer *layer = &decoder->layers[l];
    const struct buffers *b = &o->layers[l];
    const size_t stride = real_padded(layer->outputs);
    const real *bias = decoder->theta + layer->bias;
    layer_ops(layer->kind)->forward(layer, decoder->theta, rows, layer_input(o, l), b->a);
    if (b->slope == NULL)
      add_bias(rows, stride, bias, b->a);
    else
      activation_forward(layer->activation, rows, stride, bias, b->a, b->slope);
  }
  return o->layers[decoder->layer_count - 1].a;
}

static void multiply(size_t count, const real *restrict slope, real *restrict delta) {
  for (size_t i = 0; i < count; i++) delta[i] *= slope[i];
}

// delta_s = phi'(s) delta_a+, delta_a = W^T delta_s, from the output to the latent.
static void backward(struct objective *o, size_t rows) {
  const struct decoder *decoder = o->decoder;
  for (size_t l = decoder->layer_count; l-- > 0;) {
    const struct layer *layer = &decoder->layers[l];
    const struct buffers *b = &o->layers[l];
    if (b->slope != NULL) multiply(rows * real_padded(layer->outputs), b->slope, b->delta);
    layer_ops(layer->kind)
        ->backward_input(layer, decoder->theta, rows, b->delta,
                         l == 0 ? o->gradient : o->layers[l - 1].delta);
  }
}

const real *objective_evaluate(struct objective *o, size_t rows,
                               const struct objective_row *samples, double *loss) {
  const struct decoder *decoder = o->decoder;
  const size_t stride = real_padded(decoder->n);
  real *x = forward(o, rows);
  for (size_t row = 0; row < rows; row++, x += stride) {
    const struct objective_row *sample = &samples[row];
    if (sample->y == NULL)
      memset(x, 0, stride * sizeof *x);
    else
      loss[row] =
          loss_row(decoder->loss, decoder->n, stride, sample->y, sample->w, sample->weight_sum, x);
  }
  backward(o, rows);
  return o->gradient;
}

void objective_parameter_gradient(struct objective *o, size_t first, size_t count, real *gradient) {
  const struct decoder *decoder = o->decoder;
  for (size_t l = 0; l < decoder->layer_count; l++) {
    const struct layer *layer = &decoder->layers[l];
    layer_ops(layer->kind)
        ->backward_parameters(
            layer, count, count, o->layers[l].delta + first * real_padded(layer->outputs),
            layer_input(o, l) + first * real_padded(layer->inputs), false, gradient);
  }
}

const real *objective_decode(struct objective *o, size_t rows) {
  real *x = forward(o, rows);
  if (o->decoder->loss == LOSS_BCE)
    for (size_t i = 0; i < rows * real_padded(o->decoder->n); i++)
      x[i] = logistic_real(x[i]).sigmoid;
  return x;
}
