#include "engine/start_check.h"

#include "decoder/objective.h"
#include "engine/samples.h"
#include "ground/memory.h"

static bool has_nonzero(size_t count, const real *values) {
  for (size_t k = 0; k < count; k++)
    if (values[k] != 0) return true;
  return false;
}

static bool has_weight(const struct network *network, const real *gradient) {
  for (size_t l = 0; l < network->layer_count; l++)
    if (has_nonzero(network->layers[l].weight_count, gradient + network->layers[l].weight))
      return true;
  return false;
}

// Whether any of a rank's samples has a loss, and whether any loss depends on a latent or a weight.
struct found {
  int64_t loss, movable;
};

static struct found look(const struct run *run) {
  const struct decoder *decoder = run->decoder;
  const struct dataset *data = run->sets[SET_TRAIN];
  const struct samples samples = {
      .count = data->local_count, .y = data->y, .w = data->w, .weight_sum = data->weight_sum};
  struct objective *objective = objective_create(decoder, 1, true);
  real *gradient = memory_new(real, decoder->count);
  struct found found = {.loss = 0};
  for (int64_t i = 0; i < samples.count && !found.movable; i++) {
    const struct objective_row row = samples_row(&samples, decoder->n, i);
    double loss;
    const real *g = objective_evaluate(objective, 1, &row, &loss);
    found.loss |= loss != 0.0;
    found.movable = has_nonzero(decoder->d, g);
    if (found.movable) break;
    objective_parameter_gradient(objective, 0, 1, gradient);
    found.movable = has_weight(decoder->network, gradient);
  }
  objective_destroy(&objective);
  memory_free(&gradient);
  return found;
}

void start_check(const struct run *run, struct error *error) {
  const struct config *config = &run->config;
  const bool applies = config->run.task[TASK_TRAIN] && config->run.model == MODEL_GFE &&
                       config->training.epochs > 0 && run->pod == NULL;
  if (!applies) return;
  const struct found found = look(run);
  int64_t both[] = {found.loss, found.movable};
  comm_max_int64(run->comm, both, 2);
  if (!both[0] || both[1]) return;
  const bool given = config->decoder.file[0] != '\0';
  error_set(
      error,
      "%s%s: nothing can be learned from this start: at z = 0 no training sample's loss "
      "depends on its latent or on any weight of the decoder. Are all weights of a layer 0, or "
      "is an activation flat at 0? Give all layers random weights and biases, as they have without "
      "decoder.file",
      given ? "decoder.file = " : "decoder.layers", given ? config->decoder.file : "");
}
