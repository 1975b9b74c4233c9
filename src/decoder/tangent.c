#include "decoder/tangent.h"

#include <string.h>

#include "decoder/loss.h"
#include "decoder/network.h"
#include "ground/memory.h"

struct tangent {
  const struct decoder *decoder;
  size_t size;
  struct network_tangent *pass;
  const real *product;  // of the last sweep
};

struct tangent *tangent_create(const struct decoder *decoder, size_t slots, size_t size) {
  struct tangent *t = memory_new(struct tangent, 1);
  t->decoder = decoder;
  t->size = size;
  t->pass = network_tangent_create(decoder->network, slots, size);
  return t;
}

void tangent_destroy(struct tangent **tangent) {
  if (*tangent == NULL) return;
  network_tangent_destroy(&(*tangent)->pass);
  memory_free(tangent);
}

size_t tangent_bytes(const struct decoder *decoder, size_t slots, size_t size) {
  return network_tangent_bytes(decoder->network, slots, size);
}

real *tangent_latents(struct tangent *t, size_t slot) {
  return network_tangent_input(t->pass, slot);
}

real *tangent_directions(struct tangent *t, size_t slot) {
  return network_tangent_input(t->pass, slot) + t->size * real_padded(t->decoder->d);
}

const real *tangent_product(const struct tangent *t, size_t slot) {
  return t->product + 2 * slot * t->size * real_padded(t->decoder->d);
}

// delta_x = d loss / d x and delta_x_dot = (d^2 loss / d x^2) x_dot of a slot's samples; x and
// x_dot are its outputs.
static void output(struct tangent *t, size_t slot, const real *x,
                   const struct objective_row *samples) {
  const struct decoder *decoder = t->decoder;
  const size_t stride = real_padded(decoder->n), half = t->size * stride;
  real *dot = network_tangent_delta(t->pass, slot), *delta = dot + half;
  for (size_t i = 0; i < t->size; i++, x += stride, dot += stride, delta += stride) {
    const struct objective_row *sample = &samples[i];
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

void tangent_sweep(struct tangent *t, size_t slots, size_t least,
                   const struct objective_row *samples) {
  const real *theta = t->decoder->theta;
  size_t rows = 2 * slots * t->size;
  if (rows < least) rows = least;
  const real *x = network_tangent_forward(t->pass, theta, slots, rows);
  for (size_t slot = 0; slot < slots; slot++)
    output(t, slot, x + 2 * slot * t->size * real_padded(t->decoder->n), samples + slot * t->size);
  t->product = network_tangent_backward(t->pass, theta, slots, rows);
}

void tangent_parameter_gradient(const struct tangent *t, size_t slot, real *gradient) {
  network_tangent_gradient(t->pass, slot, gradient);
}
