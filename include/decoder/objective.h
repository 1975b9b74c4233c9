// The seam between decoder and flow: for a block of rows, each a sample at its own latent, the
// reconstruction loss, its gradient with respect to z, and the gradient with respect to theta of
// groups of those rows. Notation: src/decoder/README.md.
#ifndef GFE_OBJECTIVE_H
#define GFE_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/decoder.h"
#include "decoder/prior.h"
#include "ground/real.h"

// The sample in a row (all borrowed).
struct objective_row {
  const real *y;              // [real_padded(n)]
  const real *w;              // the same, or NULL: 1 everywhere
  double weight_sum;          // sum of w
  const struct prior *prior;  // of its latent; NULL: the objective is the loss alone
};

// The same sample in the form that the loss takes, for a decoder's output.
struct loss_sample objective_sample(const struct decoder *decoder, const struct objective_row *row);

struct objective;  // owned by the caller of objective_create()

// Room for evaluations of up to `rows` rows with `decoder` (borrowed);
// objective_parameter_gradient() may be called only if it is created `with_parameters`, which takes
// more memory.
struct objective *objective_create(const struct decoder *decoder, size_t rows,
                                   bool with_parameters);
void objective_destroy(struct objective **objective);

// Bytes that objective_create() takes.
size_t objective_bytes(const struct decoder *decoder, size_t rows, bool with_parameters);

// The rows' latents, to be filled before an evaluation: [rows][real_padded(d)], borrowed.
real *objective_latents(struct objective *objective);

// Fills loss[rows], including the contribution of each row's prior, and returns the gradients with
// respect to z, [rows][real_padded(d)] (borrowed, until the next evaluation).
const real *objective_evaluate(struct objective *objective, size_t rows,
                               const struct objective_row *samples, double *loss);

// The losses alone, including the contributions of the priors.
void objective_losses(struct objective *objective, size_t rows, const struct objective_row *samples,
                      double *loss);

// The sum of d loss / d theta over rows first ... first + count - 1 of the last evaluation, into
// gradient [decoder->count].
void objective_parameter_gradient(struct objective *objective, size_t first, size_t count,
                                  real *gradient);

// Adds the gradient of each tile of `tile` of the `rows` rows to exact sums over theta. `gradient`
// [decoder->count] is work space.
void objective_sum_gradients(struct objective *objective, size_t rows, size_t tile, real *gradient,
                             struct reduction *sums);

// The part of a row's evaluation that the gradient with respect to theta needs: its size in
// elements; copying it from the last evaluation, and to a row of this or another one of the same
// decoder (both created `with_parameters`).
size_t objective_pass_size(const struct decoder *decoder);
void objective_take_pass(const struct objective *objective, size_t row, real *to);
void objective_put_pass(struct objective *objective, size_t row, const real *from);

// Decodes `rows` latents: the decoder's output as data (loss_ops.output; sigmoid(x) with bce),
// [rows][real_padded(n)] (borrowed, until the next call).
const real *objective_decode(struct objective *objective, size_t rows);

#endif
