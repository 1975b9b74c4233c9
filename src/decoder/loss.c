#include "decoder/loss.h"

#include <assert.h>

#include "decoder/loss_kernels.h"
#include "ground/text.h"
#include "numerics/elementary.h"
#include "numerics/isa.h"

ISA_VARIANTS(struct loss_kernels, loss_kernels);

static const struct loss_ops table[LOSS_KINDS] = {
    [LOSS_BCE] = {.name = "bce",
                  .unit_interval = true,
                  .output_text = "probabilities",
                  .curvature = 0.25,
                  .percent = 0.01},
    [LOSS_MSE] = {.name = "mse", .curvature = 2.0, .percent = 1.0 - 0.99 * 0.99},
};

static const struct loss_kernels *kernels(void) { return loss_kernels_variants[isa_chosen()]; }

const struct loss_ops *loss_ops(enum loss_kind kind) {
  assert(loss_name((int)kind) != NULL);
  return &table[kind];
}

const char *loss_name(int kind) { return IN_TABLE(table, kind) ? table[kind].name : NULL; }

double loss_row(enum loss_kind kind, size_t n, size_t stride, const struct loss_sample *sample,
                real *x) {
  const real *y = sample->y, *w = sample->w, scale = (real)(1.0 / sample->weight_sum);
  assert(n <= stride && stride % REAL_PAD == 0 && sample->weight_sum > 0.0);
  assert(sample->places == NULL || w != NULL);
  const double sum = w == NULL ? kernels()->kinds[kind].row(n, stride, y, scale, x)
                     : sample->places == NULL
                         ? kernels()->kinds[kind].row_weighted(stride, y, w, scale, x)
                         : kernels()->kinds[kind].row_placed(n, sample, scale, x);
  return sum / sample->weight_sum;
}

double loss_row_tangent(enum loss_kind kind, size_t n, size_t stride,
                        const struct loss_sample *sample, real *x, real *x_dot) {
  kernels()->kinds[kind].curvature(stride, sample->w, (real)(1.0 / sample->weight_sum), x,
                                   sample->y, x_dot);
  for (size_t i = n; i < stride; i++) x_dot[i] = 0;
  return loss_row(kind, n, stride, sample, x);
}

double loss_potential(enum loss_kind kind, size_t n, const real *x, real *a) {
  return kernels()->kinds[kind].potential(n, real_padded(n), x, a);
}

void loss_output(enum loss_kind kind, size_t count, real *x) {
  if (kernels()->kinds[kind].output != NULL) kernels()->kinds[kind].output(count, x);
}
