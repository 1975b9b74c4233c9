#include "engine/model.h"

#include <assert.h>

#include "decoder/objective.h"
#include "engine/carry.h"
#include "engine/ensemble.h"
#include "engine/last_layer.h"
#include "engine/second_flow.h"
#include "engine/training_metric.h"
#include "ground/clock.h"
#include "ground/memory.h"

struct model_ops {
  bool flows;  // latents are found by flows
  bool (*step)(struct model *model, struct shard *shard, enum model_latents latents, real *gradient,
               struct model_step *step);
};

struct model {
  const struct model_ops *ops;
  struct run *run;  // borrowed
  struct batch_gradient *batch_gradient;
  struct ensemble *ensemble;       // NULL without flows
  struct carry *carry;             // NULL: flows leave nothing behind
  struct last_layer *last;         // NULL: trained like the other layers
  struct training_metric *metric;  // NULL: flows begin without one
};

// What the flows of a shard inherit from earlier flows and leave for later ones.
static struct carry *prepare_carry(struct model *model, const struct shard *shard,
                                   enum model_latents latents) {
  if (model->carry == NULL) return NULL;
  if (latents != LATENTS_OF_BATCH) carry_begin(model->carry, shard->samples.count);
  carry_forget_passes(model->carry);
  model->carry->iterations =
      latents == LATENTS_EARLIER ? 0 : model->run->config.training.again_iterations;
  return model->carry;
}

// The gradient, after the steps of the last layer, which are undone if it is not finite.
// Collective.
static bool take_gradient(struct model *model, struct shard *shard, real *gradient,
                          struct model_step *step) {
  if (model->last == NULL)
    return batch_gradient_compute(model->batch_gradient, shard, &step->totals, gradient);
  clock_enter(PHASE_DATA);
  shard_deliver(shard);
  clock_enter(PHASE_GRADIENT);
  const bool finite = last_layer_advance(model->last, shard, step->fraction) &&
                      batch_gradient_compute(model->batch_gradient, shard, &step->totals, gradient);
  if (!finite) last_layer_undo(model->last);
  return finite;
}

// Gradient flow encoding: the latents are the ends of flows with the present decoder.
static bool step_gfe(struct model *model, struct shard *shard, enum model_latents latents,
                     real *gradient, struct model_step *step) {
  clock_enter(PHASE_FLOW);
  const double begun = clock_seconds();
  shard->encoding->trajectories =
      batch_gradient_trajectories(model->batch_gradient, shard->samples.count);
  struct starts *starts = second_flow_take(shard);
  struct carry *carry = prepare_carry(model, shard, latents);
  shard->encoding->starts = starts;
  shard->encoding->carry = starts == NULL ? carry : NULL;  // which takes one flow per sample
  shard->encoding->metric = training_metric_now(model->metric, step->pass);
  ensemble_run(model->ensemble, &shard->samples, shard->size, shard->encoding);
  shard->encoding->starts = NULL;
  starts_destroy(&starts);
  step->seconds = clock_seconds() - begun;
  training_metric_add(model->metric, shard);
  return take_gradient(model, shard, gradient, step);
}

// The autoencoder that gradient flow encoding is compared with: the latents come from an encoder,
// whose parameters are trained with the decoder's. A single forward and backward pass does it all.
static bool step_autoencoder(struct model *model, struct shard *shard, enum model_latents latents,
                             real *gradient, struct model_step *step) {
  (void)latents;
  step->seconds = 0.0;  // each sample costs the same
  return take_gradient(model, shard, gradient, step);
}

static const struct model_ops models[] = {
    [MODEL_GFE] = {.flows = true, .step = step_gfe},
    [MODEL_POD] = {.flows = true, .step = step_gfe},
    [MODEL_AUTOENCODER] = {.flows = false, .step = step_autoencoder},
};

static const struct model_ops *ops_of(const struct run *run) {
  return &models[run->config.run.model];
}

// Whether flows leave passes and curvature behind: only if they are independent and the gradient is
// taken at their ends alone.
static bool carries(const struct run *run) {
  return ops_of(run)->flows && run->config.training.adjoint == ADJOINT_NONE &&
         run->config.encoding.coupling == COUPLING_NONE;
}

static bool learns(const struct run *run) { return run->config.training.again_iterations > 0; }

// The flow of which the gradient is taken.
static const struct solver_options *flow_of(const struct run *run) {
  return ops_of(run)->flows ? &run->config.encoding : NULL;
}

struct model *model_create(struct run *run) {
  struct model *model = memory_new(struct model, 1);
  model->ops = ops_of(run);
  model->run = run;
  model->batch_gradient =
      batch_gradient_create(run->comm, run->decoder, run->training_rows, run->tile,
                            run->config.training.adjoint, flow_of(run));
  if (run->shares_update) batch_gradient_want_share(model->batch_gradient);
  model->last = last_layer_create(run);
  model->metric = training_metric_create(run);
  if (model->ops->flows)
    model->ensemble = ensemble_create(comm_ranks(run->comm), run->decoder, &run->config.encoding,
                                      run->training_rows);
  if (carries(run)) {
    model->carry =
        carry_create(run->decoder, &run->config.encoding, learns(run), run->keeps_passes);
    if (run->keeps_passes) ensemble_leave_passes(model->ensemble);
  }
  return model;
}

void model_destroy(struct model **model) {
  if (*model == NULL) return;
  ensemble_destroy(&(*model)->ensemble);
  carry_destroy(&(*model)->carry);
  last_layer_destroy(&(*model)->last);
  training_metric_destroy(&(*model)->metric);
  batch_gradient_destroy(&(*model)->batch_gradient);
  memory_free(model);
}

bool model_step(struct model *model, struct shard *shard, enum model_latents latents,
                real *gradient, struct model_step *step) {
  assert(shard->size > 0 && shard->samples.total == shard->size);
  return model->ops->step(model, shard, latents, gradient, step);
}

bool model_flows_are_free(const struct run *run) {
  return ops_of(run)->flows && run->config.training.adjoint == ADJOINT_NONE;
}

bool model_flows_are_uneven(const struct run *run) {
  return model_flows_are_free(run) && run->config.encoding.coupling == COUPLING_NONE;
}

bool model_keeps_latents(const struct run *run) {
  return ops_of(run)->flows && run->config.training.warm_start && run->config.training.epochs > 0;
}

void model_state(struct model *model, struct state *state) {
  batch_gradient_state(model->batch_gradient, state);
  last_layer_state(model->last, state);
  training_metric_state(model->metric, state);
}

double model_bytes(const struct run *run) {
  const bool passes = carries(run) && run->keeps_passes;
  const double flows = ops_of(run)->flows ? ensemble_bytes(run->decoder, &run->config.encoding,
                                                           run->training_rows, passes)
                                          : 0.0;
  return flows + last_layer_bytes(run) + training_metric_bytes(run) +
         batch_gradient_bytes(run->decoder, run->training_rows, run->tile,
                              run->config.training.adjoint, flow_of(run));
}

double model_carry_bytes(const struct run *run, double samples) {
  return carries(run) ? carry_bytes(run->decoder, &run->config.encoding, learns(run),
                                    run->keeps_passes, samples)
                      : 0.0;
}
