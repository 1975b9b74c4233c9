#include "engine/jacobian.h"

#include <string.h>

#include "decoder/loss.h"
#include "decoder/network.h"
#include "ground/memory.h"

static size_t rows_at_once(const struct decoder *decoder, size_t rows) {
  return rows < decoder->d ? rows : decoder->d;
}

struct jacobian *jacobian_create(const struct decoder *decoder, size_t rows) {
  const size_t stride = real_padded(decoder->n);
  struct jacobian *j = memory_new(struct jacobian, 1);
  *j = (struct jacobian){.decoder = decoder,
                         .rows = rows_at_once(decoder, rows),
                         .x = memory_new(real, stride),
                         .columns = memory_new(real, decoder->d * stride)};
  j->pass = network_tangent_create(decoder->network, j->rows, false);
  return j;
}

void jacobian_destroy(struct jacobian **jacobian) {
  struct jacobian *j = *jacobian;
  if (j == NULL) return;
  network_tangent_destroy(&j->pass);
  memory_free(&j->x);
  memory_free(&j->columns);
  memory_free(jacobian);
}

size_t jacobian_bytes(const struct decoder *decoder, size_t rows) {
  return network_tangent_bytes(decoder->network, rows_at_once(decoder, rows), false) +
         (decoder->d + 1) * real_padded(decoder->n) * sizeof(real);
}

void jacobian_find(struct jacobian *j, const real *z) {
  const size_t d = j->decoder->d, width = real_padded(d), stride = real_padded(j->decoder->n);
  real *latents = network_tangent_input(j->pass), *directions = network_tangent_direction(j->pass);
  for (size_t first = 0; first < d; first += j->rows) {
    const size_t count = d - first < j->rows ? d - first : j->rows;
    memset(directions, 0, count * width * sizeof *directions);
    for (size_t row = 0; row < count; row++) {
      memcpy(latents + row * width, z, width * sizeof *z);
      directions[row * width + first + row] = 1;
    }
    const struct network_pair x =
        network_tangent_forward(j->pass, decoder_values(j->decoder), count);
    memcpy(j->columns + first * stride, x.dot, count * stride * sizeof *x.dot);
    memcpy(j->x, x.value, stride * sizeof *x.value);
  }
  loss_output(j->decoder->loss, stride, j->x);
}

double jacobian_curvature(const struct jacobian *j, size_t k) {
  const double p = (double)j->x[k];
  return j->decoder->loss == LOSS_BCE ? p * (1.0 - p) : 1.0;
}
