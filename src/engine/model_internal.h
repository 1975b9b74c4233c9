// What the kinds of models have in common.
#ifndef GFE_MODEL_INTERNAL_H
#define GFE_MODEL_INTERNAL_H

#include "engine/batch_gradient.h"
#include "engine/ensemble.h"
#include "engine/model.h"

struct model_ops {
  bool flows;  // latents are found by flows
  bool (*step)(struct model *model, struct shard *shard, real *gradient, struct model_step *step);
};

struct model {
  const struct model_ops *ops;
  struct run *run;  // borrowed
  struct batch_gradient *batch_gradient;
  struct ensemble *ensemble;  // NULL without flows
};

// The sum of the losses of a batch. Collective.
double model_loss_sum(const struct model *model, const struct shard *shard);

#endif
