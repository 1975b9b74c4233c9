// The autoencoder that gradient flow encoding is compared with: the latents come from an encoder,
// whose parameters are trained with the decoder's. One pass there and back does it all.
#include <math.h>

#include "engine/model_internal.h"
#include "ground/clock.h"

static bool step_autoencoder(struct model *model, struct shard *shard, real *gradient,
                             struct model_step *step) {
  const bool finite = batch_gradient_compute(model->batch_gradient, shard, gradient);
  step->seconds = 0.0;  // each sample costs the same
  clock_enter(PHASE_REDUCE);
  step->loss_sum = model_loss_sum(model, shard);
  return finite && isfinite(step->loss_sum);
}

const struct model_ops model_autoencoder = {.flows = false, .step = step_autoencoder};
