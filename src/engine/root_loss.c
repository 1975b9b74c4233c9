#include "engine/root_loss.h"

#include <math.h>

bool root_loss_is_followed(const struct solver_options *options) {
  return options->root_loss && !solver_ops(options)->ends_at_minimum;
}

const real *root_loss_evaluate(struct objective *objective, size_t d, size_t rows,
                               const struct objective_row *row, double *loss, real *work) {
  const real *gradient = objective_evaluate(objective, rows, row, loss);
  const size_t stride = real_padded(d);
  if (work == NULL) return gradient;
  for (size_t i = 0; i < rows; i++) {
    loss[i] = sqrt(loss[i]);
    const double factor = loss[i] > 0.0 ? 0.5 / loss[i] : 0.0;
    for (size_t k = i * stride; k < (i + 1) * stride; k++)
      work[k] = (real)(factor * (double)gradient[k]);
  }
  return work;
}
