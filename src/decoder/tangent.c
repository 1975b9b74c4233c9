#include "decoder/tangent.h"

#include "decoder/loss.h"
#include "decoder/network.h"
#include "ground/memory.h"

struct tangent {
  const struct decoder *decoder;
  struct network_tangent *pass;
};

struct tangent *tangent_create(const struct decoder *decoder, size_t rows, bool with_parameters) {
  struct tangent *t = memory_new(struct tangent, 1);
  t->decoder = decoder;
  t->pass = network_tangent_create(decoder->network, rows, with_parameters);
  return t;
}

void tangent_destroy(struct tangent **tangent) {
  if (*tangent == NULL) return;
  network_tangent_destroy(&(*tangent)->pass);
  memory_free(tangent);
}

size_t tangent_bytes(const struct decoder *decoder, size_t rows, bool with_parameters) {
  return network_tangent_bytes(decoder->network, rows, with_parameters);
}

real *tangent_latents(struct tangent *t) { return network_tangent_input(t->pass); }

real *tangent_directions(struct tangent *t) { return network_tangent_direction(t->pass); }

// The losses leave delta_x = d loss / d x and delta_x_dot = (d^2 loss / d x^2) x_dot where x and
// x_dot were.
const real *tangent_sweep(struct tangent *t, size_t rows, const struct objective_row *samples) {
  const struct decoder *decoder = t->decoder;
  const struct network_values values = decoder_values(decoder);
  const size_t stride = real_padded(decoder->n);
  const struct network_pair x = network_tangent_forward(t->pass, values, rows);
  for (size_t row = 0; row < rows; row++) {
    const struct loss_sample sample = objective_sample(decoder, &samples[row]);
    loss_row_tangent(decoder->loss, decoder->n, stride, &sample, x.value + row * stride,
                     x.dot + row * stride);
  }
  const size_t width = real_padded(decoder->d);
  const real *v = network_tangent_direction(t->pass);
  real *product = network_tangent_backward(t->pass, values, rows);
  for (size_t row = 0; row < rows; row++)
    if (samples[row].prior != NULL)
      prior_add_product(samples[row].prior, samples[row].weight_sum, v + row * width,
                        product + row * width);
  return product;
}

void tangent_parameter_gradient(const struct tangent *t, size_t first, size_t count,
                                real *gradient) {
  network_tangent_gradient(t->pass, first, count, gradient);
}
