// Flows whose samples share a step, group by group: the paper's batch-coupled AMD.
#ifndef GFE_ENSEMBLE_COUPLED_H
#define GFE_ENSEMBLE_COUPLED_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/objective.h"
#include "engine/encoding.h"
#include "engine/samples.h"
#include "flow/solver.h"
#include "ground/ranks.h"

// What the flows are advanced with, all of it borrowed.
struct coupled_setting {
  const struct ranks *ranks;
  const struct decoder *decoder;
  const struct solver_options *options;
  size_t rows;  // of an evaluation at most
  struct objective *objective;
  real *root;  // [rows][real_padded(d)] work space if root_loss_is_followed(), else NULL
};

struct coupled;  // owned by the caller of coupled_create()

// ensemble_begin(), ensemble_advance() and ensemble_end() of groups that share a step. Samples
// and encoding are borrowed as well. Collective.
struct coupled *coupled_create(const struct coupled_setting *setting, const struct samples *samples,
                               int64_t group, struct encoding *encoding);
bool coupled_advance(struct coupled *coupled);
void coupled_destroy(struct coupled **coupled);

#endif
