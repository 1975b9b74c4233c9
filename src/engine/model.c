#include "decoder/objective.h"
#include "engine/model_internal.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

extern const struct model_ops model_gfe, model_autoencoder;

static const struct model_ops *ops_of(const struct run *run) {
  return run->config.run.model == MODEL_AUTOENCODER ? &model_autoencoder : &model_gfe;
}

// The flow of which the gradient is taken.
static const struct solver_options *flow_of(const struct run *run) {
  return ops_of(run)->flows ? &run->config.encoding : NULL;
}

struct model *model_create(struct run *run) {
  struct model *model = memory_new(struct model, 1);
  model->ops = ops_of(run);
  model->run = run;
  model->batch_gradient =
      batch_gradient_create(run->comm, run->decoder, &run->training_rule, run->tile,
                            run->config.training.adjoint, flow_of(run));
  if (model->ops->flows)
    model->ensemble = ensemble_create(comm_ranks(run->comm), run->decoder, &run->config.encoding,
                                      &run->training_rule);
  return model;
}

void model_destroy(struct model **model) {
  if (*model == NULL) return;
  ensemble_destroy(&(*model)->ensemble);
  batch_gradient_destroy(&(*model)->batch_gradient);
  memory_free(model);
}

bool model_step(struct model *model, struct shard *shard, real *gradient, struct model_step *step) {
  return model->ops->step(model, shard, gradient, step);
}

double model_loss_sum(const struct model *model, const struct shard *shard) {
  return reduction_sum(model->run->comm, shard->encoding->loss, (size_t)shard->samples.count);
}

void model_state(struct model *model, struct state *state) {
  batch_gradient_state(model->batch_gradient, state);
}

double model_bytes(const struct run *run) {
  const struct placement_rule *rule = &run->training_rule;
  return batch_gradient_bytes(run->decoder, rule, run->tile, run->config.training.adjoint,
                              flow_of(run)) +
         (ops_of(run)->flows ? (double)objective_bytes(run->decoder, rule->most) : 0.0);
}
