// Flows down the square root of the loss (encoding.root_loss): dz/dt = -alpha grad sqrt(l), for mse
// the root mean square error. Its minima are those of the loss itself; far from them steps are
// shorter, near them longer.
#ifndef GFE_ROOT_LOSS_H
#define GFE_ROOT_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/objective.h"
#include "flow/solver.h"

// Whether it is requested and makes a difference, which it does not for a solver that ends at a
// minimum.
bool root_loss_is_followed(const struct solver_options *options);

// Like objective_evaluate(), but if `work` [rows][real_padded(d)] is not NULL, losses are replaced
// by their square roots and gradients by those of the roots: g / (2 sqrt(l)), 0 at a loss of 0.
const real *root_loss_evaluate(struct objective *objective, size_t d, size_t rows,
                               const struct objective_row *row, double *loss, real *work);

#endif
