// Gradient flow encoding: the latents are the ends of flows through the decoder as it stands.
#include <math.h>

#include "engine/model_internal.h"
#include "ground/clock.h"

static bool step_gfe(struct model *model, struct shard *shard, real *gradient,
                     struct model_step *step) {
  clock_enter(PHASE_FLOW);
  const double begun = clock_seconds();
  shard->encoding->trajectories =
      batch_gradient_trajectories(model->batch_gradient, shard->samples.count);
  ensemble_run(model->ensemble, &shard->samples, shard->size, shard->encoding);
  step->seconds = clock_seconds() - begun;
  clock_enter(PHASE_REDUCE);
  step->loss_sum = model_loss_sum(model, shard);
  return isfinite(step->loss_sum) && batch_gradient_compute(model->batch_gradient, shard, gradient);
}

const struct model_ops model_gfe = {.flows = true, .step = step_gfe};
