#include "decoder/objective.h"

#include "decoder/loss.h"
#include "decoder/network.h"
#include "ground/memory.h"

struct objective {
  const struct decoder *decoder;
  struct network_pass *pass;
};

struct objective *objective_create(const struct decoder *decoder, size_t rows,
                                   bool with_parameters) {
  struct objective *o = memory_new(struct objective, 1);
  o->decoder = decoder;
  o->pass = network_pass_create(decoder->network, rows, with_parameters);
  return o;
}

void objective_destroy(struct objective **objective) {
  if (*objective == NULL) return;
  network_pass_destroy(&(*objective)->pass);
  memory_free(objective);
}

size_t objective_bytes(const struct decoder *decoder, size_t rows, bool with_parameters) {
  return network_pass_bytes(decoder->network, rows, with_parameters);
}

real *objective_latents(struct objective *o) { return network_pass_input(o->pass); }

struct loss_sample objective_sample(const struct decoder *decoder,
                                    const struct objective_row *row) {
  return (struct loss_sample){row->y, row->w, row->weight_sum, decoder->outputs};
}

void objective_losses(struct objective *o, size_t rows, const struct objective_row *samples,
                      double *loss) {
  const struct decoder *decoder = o->decoder;
  const size_t stride = real_padded(decoder->n);
  const real *z = network_pass_input(o->pass);
  real *x = network_pass_forward(o->pass, decoder_values(decoder), rows);
  for (size_t row = 0; row < rows; row++, x += stride) {
    const struct objective_row *sample = &samples[row];
    const struct loss_sample of = objective_sample(decoder, sample);
    loss[row] = loss_row(decoder->loss, decoder->n, stride, &of, x);
    if (sample->prior != NULL)
      loss[row] +=
          prior_value(sample->prior, sample->weight_sum, z + row * real_padded(decoder->d));
  }
}

// The losses leave d loss / d x where x was.
const real *objective_evaluate(struct objective *o, size_t rows,
                               const struct objective_row *samples, double *loss) {
  objective_losses(o, rows, samples, loss);
  const size_t stride = real_padded(o->decoder->d);
  const real *z = network_pass_input(o->pass);
  real *gradient = network_pass_backward(o->pass, decoder_values(o->decoder), rows, true);
  for (size_t row = 0; row < rows; row++)
    if (samples[row].prior != NULL)
      prior_add_gradient(samples[row].prior, samples[row].weight_sum, z + row * stride,
                         gradient + row * stride);
  return gradient;
}

void objective_parameter_gradient(struct objective *o, size_t first, size_t count, real *gradient) {
  network_pass_gradient(o->pass, first, count, gradient);
}

void objective_sum_gradients(struct objective *o, size_t rows, size_t tile, real *gradient,
                             struct reduction *sums) {
  network_pass_sum_gradients(o->pass, rows, tile, gradient, sums);
}

size_t objective_pass_size(const struct decoder *decoder) {
  return network_pass_size(decoder->network);
}

void objective_take_pass(const struct objective *o, size_t row, real *to) {
  network_pass_take(o->pass, row, to);
}

void objective_put_pass(struct objective *o, size_t row, const real *from) {
  network_pass_put(o->pass, row, from);
}

const real *objective_decode(struct objective *o, size_t rows) {
  real *x = network_pass_forward(o->pass, decoder_values(o->decoder), rows);
  loss_output(o->decoder->loss, rows * real_padded(o->decoder->n), x);
  return x;
}
