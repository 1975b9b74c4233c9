#include "engine/budget.h"

#include <math.h>

#include "decoder/objective.h"
#include "engine/batch_gradient.h"
#include "engine/carry.h"
#include "engine/cross_validation.h"
#include "engine/ensemble.h"
#include "engine/errors.h"
#include "engine/first_guess.h"
#include "engine/last_layer.h"
#include "engine/model.h"
#include "engine/modes.h"
#include "engine/observation.h"
#include "engine/plan.h"
#include "engine/pod_branch.h"
#include "engine/pod_start.h"
#include "engine/posterior.h"
#include "engine/second_flow.h"
#include "engine/training_metric.h"
#include "engine/update.h"
#include "ground/least.h"
#include "ground/text.h"
#include "input/config_table.h"

enum {
  PROGRAM_BYTES = 32 << 20,  // the program itself, MPI and HDF5, as measured on a few ranks
  TILE_BYTES = 1 << 27       // of work space that a tile may take, unless it is a single sample
};
// Entries of training data up to which POD is computed by default: it then takes seconds.
static const double pod_entries[LOSS_KINDS] = {[LOSS_BCE] = 1e6, [LOSS_MSE] = 1e8};

// ---- items that take memory ----

// The largest number of samples of a set on a rank.
static double share_of(const struct run *run, int set) {
  return ceil((double)run->shapes[set].count / comm_size(run->comm));
}

static bool has_weights(const struct run *run, int set) {
  return run->shapes[set].weights || run->shapes[set].missing ||
         run->config.data.missing.kind != MISSING_ERROR;
}

// A sample with its weights, and what is known about its latent.
static double sample_bytes(const struct run *run, int set) {
  const double copies = has_weights(run, set) ? 2.0 : 1.0;
  double bytes = copies * (double)(real_padded(run->shapes[set].n) * sizeof(real));
  bytes += (double)encoding_memory_bytes(ENCODING_BY_FLOW, run->decoder->d);
  if (run->decoder->encoder != NULL)
    bytes += (double)encoding_memory_bytes(ENCODING_BY_ENCODER, run->decoder->d);
  return bytes;
}

// If a part is held out, each array exists twice for a moment.
static double samples_bytes(const struct run *run) {
  double bytes = 0.0;
  if (run->used[SET_TRAIN] && run->config.training.validation > 0.0)
    bytes = share_of(run, SET_TRAIN) * (double)(real_padded(run->decoder->n) * sizeof(real));
  if (config_makes_copies(&run->config))
    bytes += share_of(run, SET_TRAIN) * sample_bytes(run, SET_TRAIN);
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set]) bytes += share_of(run, set) * sample_bytes(run, set);
  return bytes;
}

static double parameters_bytes(const struct run *run) {
  const struct decoder *decoder = run->decoder;
  size_t work = network_work(decoder->network);
  if (decoder->encoder != NULL && network_work(decoder->encoder) > work)
    work = network_work(decoder->encoder);
  return (double)(decoder->count + decoder_packed_size(decoder) + work) * (double)sizeof(real);
}

static double evaluation_bytes(const struct run *run) {
  const size_t rows = run->evaluation_rows;
  double bytes = ensemble_bytes(run->decoder, &run->config.evaluation.solver, rows, false);
  if (run->decoder->encoder != NULL)
    bytes += (double)network_pass_bytes(run->decoder->encoder, rows, false);
  return bytes;
}

// Including copies of the parameters: those that are kept, and those at the start.
static double training_bytes(const struct run *run) {
  const struct config *config = &run->config;
  const size_t count = run->decoder->count;
  const bool keeps = config_validates(config) && config->training.keep == KEEP_BEST;
  const size_t copies = keeps ? 2 : config->training.refit ? 1 : 0;
  double bytes = (double)(copies * count * sizeof(real)) + update_bytes(run);
  const int held_out = config->training.folds > 1 ? SET_TRAIN : SET_VALIDATION;
  if (keeps)
    bytes += cross_validation_bytes(run->shapes[held_out].count, config->training.epochs,
                                    config->training.folds);
  return bytes;
}

// Of a batch, in a rank's tiles.
static double tiled_samples(const struct run *run) {
  const int64_t batch = run->config.training.batch, count = run->shapes[SET_TRAIN].count;
  const int64_t tiles = ((batch < count ? batch : count) + run->tile - 1) / run->tile;
  const int ranks = comm_size(run->comm);
  return (double)((tiles + ranks - 1) / ranks * run->tile);
}

// On several ranks, samples may be both where their flows are and where their tiles are.
static double batch_bytes(const struct run *run) {
  const double copies = comm_size(run->comm) > 1 ? 2.0 : 1.0;
  return copies * tiled_samples(run) * sample_bytes(run, SET_TRAIN) +
         model_carry_bytes(run, copies * tiled_samples(run));
}

static double trajectories_bytes(const struct run *run) {
  return batch_gradient_trajectory_bytes(run->decoder, (int64_t)tiled_samples(run),
                                         &run->config.encoding);
}

// A block of reconstructions, as they are measured and, in double, written; the mean sample and the
// constants of the scaling.
static double images_bytes(const struct run *run) {
  const double row = (double)(real_padded(run->decoder->n) * (sizeof(real) + sizeof(double)));
  double most = 0.0;
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set]) most = fmax(most, share_of(run, set) * row);
  return fmin(most, fmax(row, (double)ERRORS_BLOCK)) + 3.0 * row;
}

// The gradient itself, the gradient with an adjoint, and that by the flow's own differences.
static double check_bytes(const struct run *run) { return 3.0 * model_bytes(run); }

static bool trains(const struct run *run) { return run->config.run.task[TASK_TRAIN]; }

static bool keeps_trajectories(const struct run *run) {
  return trains(run) && run->config.training.adjoint != ADJOINT_NONE;
}

static bool has_second_flows(const struct run *run) {
  return trains(run) && run->config.training.second_flow > 0;
}

static bool checks(const struct run *run) { return run->config.run.task[TASK_GRADIENT_CHECK]; }

static bool guesses(const struct run *run) {
  for (int kind = START_ZERO + 1; kind < START_COUNT; kind++)
    if (run->config.evaluation.start[kind]) return true;
  return false;
}

static bool encodes(const struct run *run) {
  const bool *task = run->config.run.task;
  return task[TASK_EVALUATE] || task[TASK_ENCODE] || (trains(run) && run->config.evaluation.train);
}

static bool fits_pod(const struct run *run) {
  return run->config.evaluation.pod || pod_start_wanted(run);
}

static bool has_posterior(const struct run *run) { return posterior_bytes(run) > 0.0; }

static bool has_modes(const struct run *run) { return modes_bytes(run) > 0.0; }

// Where entries may be missing, the decoder of those that are observed.
static double observed_bytes(const struct run *run) {
  double most = 0.0;
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set] && has_weights(run, set))
      most = fmax(most, observation_bytes(run->decoder, share_of(run, set)));
  return most;
}

// The starts of the flows are found before the flows are run.
static double encoding_bytes(const struct run *run) {
  return observed_bytes(run) +
         fmax(evaluation_bytes(run), guesses(run) ? first_guess_bytes(run) : 0.0);
}

static bool has_flows(const struct run *run) { return encodes(run) || guesses(run); }

static const struct {
  const char *name, *remedy;
  double (*bytes)(const struct run *run);
  bool (*wanted)(const struct run *run);  // NULL: always
} all_parts[] = {
    {"samples and latents", "use more ranks on more nodes, or fewer samples (data.train.count)",
     samples_bytes, NULL},
    {"parameters, and packed for products", "make decoder.layers smaller", parameters_bytes, NULL},
    {"encoding: starts of flows, and flows",
     "make decoder.layers smaller, use fewer samples (data.train.count) or more ranks, or set "
     "evaluation.start to zero",
     encoding_bytes, has_flows},
    {"POD of the training samples",
     "lower decoder.latent, or set evaluation.pod to false and decoder.initial to random",
     pod_start_bytes, fits_pod},
    {"prior and error bars",
     "use more ranks on more nodes, or set evaluation.prior to none and evaluation.uncertainty to "
     "false",
     posterior_bytes, has_posterior},
    {"error bars: maxima of the posterior", "lower evaluation.modes", modes_bytes, has_modes},
    {"training: optimiser", "make decoder.layers smaller", training_bytes, trains},
    {"training: flows, gradients, exact sums", "make decoder.layers or training.tile smaller",
     model_bytes, trains},
    {"training: samples of a batch", "use more ranks on more nodes, or lower training.batch",
     batch_bytes, trains},
    {"training: second flows", "use more ranks on more nodes, or set training.second_flow to 0",
     second_flow_bytes, has_second_flows},
    {"training: trajectories",
     "use more ranks on more nodes, or lower training.batch or encoding.max_iterations",
     trajectories_bytes, keeps_trajectories},
    {"gradient check", "make decoder.layers or training.tile smaller", check_bytes, checks},
    {"reconstructions and their errors", "", images_bytes, encodes}};
_Static_assert(2 + LENGTH(all_parts) <= BUDGET_PARTS, "there is room for all parts");

// For the set with the largest pieces, in double; at that stage a run has only samples and
// parameters.
static double reading_bytes(const struct run *run) {
  double most = 0.0;
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    const double copies = run->shapes[set].weights ? 2.0 : 1.0;
    most = fmax(most, copies * share_of(run, set) * (double)(run->shapes[set].n * sizeof(double)));
  }
  return fmin(most, (double)DATASET_PIECE) + PROGRAM_BYTES + samples_bytes(run) +
         parameters_bytes(run);
}

size_t budget_parts(const struct run *run, struct budget_part parts[BUDGET_PARTS]) {
  size_t count = 0;
  double sum = 0.0;
  parts[count++] = (struct budget_part){"program, MPI and HDF5 (about)", "raise it", PROGRAM_BYTES};
  for (size_t i = 0; i < LENGTH(all_parts); i++)
    if (all_parts[i].wanted == NULL || all_parts[i].wanted(run))
      parts[count++] =
          (struct budget_part){all_parts[i].name, all_parts[i].remedy, all_parts[i].bytes(run)};
  for (size_t i = 0; i < count; i++) sum += parts[i].bytes;
  if (reading_bytes(run) > sum)
    parts[count++] =
        (struct budget_part){"extra while data are read", "raise it", reading_bytes(run) - sum};
  return count;
}

double budget_bytes(const struct run *run) {
  struct budget_part parts[BUDGET_PARTS];
  double sum = 0.0;
  for (size_t i = budget_parts(run, parts); i-- > 0;) sum += parts[i].bytes;
  return sum;
}

// ---- choices left to the program ----

// At least 1; `samples` where each weight is used once in each direction.
static int64_t tile_limit(const struct network *network, double samples) {
  double weights = 0.0;
  for (size_t l = 0; l < network->layer_count; l++)
    weights += (double)network->layers[l].weight_count;
  const double uses = network_flops(network) / (4.0 * weights);
  return (int64_t)fmax(1.0, floor(samples / uses + 0.5));
}

struct tile_limits budget_tile_limits(const struct decoder *decoder) {
  return (struct tile_limits){.least = tile_limit(decoder->network, 10.0),
                              .most = tile_limit(decoder->network, 24.0)};
}

static void choose_tile(struct config *config, const void *context) {
  const struct run *run = context;
  const struct tile_limits limits = budget_tile_limits(run->decoder);
  const int64_t batch = config->training.batch;
  int64_t tile = (batch + TILES_PER_BATCH - 1) / TILES_PER_BATCH;
  if (tile < limits.least) tile = limits.least;
  if (tile > limits.most) tile = limits.most;
  while (tile > 1 && objective_bytes(run->decoder, (size_t)tile, true) > TILE_BYTES) tile--;
  config->training.tile = tile < batch ? tile : batch;
}

static void choose_limit(struct config *config, const void *context) {
  const struct run *run = context;
  config->run.memory_limit = floor(comm_memory(run->comm));
}

// Several starts pay off if flows go down to a minimum, and if trained latents show the way.
static void choose_start(struct config *config, const void *context) {
  const struct run *run = context;
  const struct solver_options *options = &config->evaluation.solver;
  const bool trains_flows = config->run.task[TASK_TRAIN] && config->run.model == MODEL_GFE;
  bool *start = config->evaluation.start;
  const bool branch = pod_branch_find(run->decoder->network) != NULL;
  start[START_POD] = branch;
  if (config->run.model == MODEL_POD && branch) return;  // these codes are exact
  start[START_ZERO] = true;
  start[START_MEAN] = start[START_DICTIONARY] = solver_ops(options)->ends_at_minimum &&
                                                options->coupling == COUPLING_NONE &&
                                                (trains_flows || run->file_dictionary > 0);
}

static void choose_tries(struct config *config, const void *context) {
  enum { TRIES_AUTOMATIC = 4 };  // at most, where the loss stays high; first_guess decides it
  (void)context;
  config->evaluation.tries = config->evaluation.start[START_DICTIONARY] ? TRIES_AUTOMATIC : 1;
}

static void choose_pod(struct config *config, const void *context) {
  const struct run *run = context;
  const struct dataset_shape *train = &run->shapes[SET_TRAIN];
  const double entries = (double)train->count * (double)train->n;
  config->evaluation.pod =
      run->used[SET_TRAIN] && encodes(run) && entries <= pod_entries[config->decoder.loss];
}

// Where flows continue from epoch to epoch and differ in length, and there are enough epochs.
static void choose_second_flow(struct config *config, const void *context) {
  enum { EVERY = 10 };
  const bool applies = config->run.model == MODEL_GFE && model_flows_are_uneven(context) &&
                       config->training.warm_start && config->training.epochs >= EVERY;
  config->training.second_flow = applies ? EVERY : 0;
}

static void choose_metric(struct config *config, const void *context) {
  config->training.metric = config->run.model != MODEL_AUTOENCODER && config->training.warm_start &&
                            training_metric_is_possible(context);
}

// The facts are a struct run.
static const struct config_rule rules[] = {
    {"training.tile", choose_tile},        {"training.second_flow", choose_second_flow},
    {"training.metric", choose_metric},    {"training.updates", plan_updates},
    {"training.learning_rate", plan_rate}, {"training.schedule", plan_schedule},
    {"evaluation.pod", choose_pod},        {"run.memory_limit", choose_limit},
    {"evaluation.start", choose_start},    {"evaluation.tries", choose_tries}};

static void refuse(const struct run *run, struct error *error) {
  struct budget_part parts[BUDGET_PARTS], most = {"", "", 0.0};
  const size_t count = budget_parts(run, parts);
  for (size_t i = 0; i < count; i++)
    if (parts[i].bytes > most.bytes) most = parts[i];
  error_set(error,
            "run.memory_limit: a rank needs at least %.4g GB, %.4g GB of it for: %s; but it may "
            "use only %.4g GB%s: %s",
            1e-9 * budget_bytes(run), 1e-9 * most.bytes, most.name,
            1e-9 * run->config.run.memory_limit,
            run->config.automatic[config_parameter_find("run.memory_limit")] != AUTOMATIC_NO
                ? ", its part of the node's memory"
                : "",
            most.remedy[0] != '\0' ? most.remedy : "raise it");
}

// Finds how many rows a rank has memory for; they matter more than keeping passes. False if there
// is not enough for a single one.
static bool find_rows(struct run *run) {
  const size_t training = ensemble_rows(run->decoder, (size_t)run->config.training.batch);
  const size_t evaluation = ensemble_rows(run->decoder, SIZE_MAX);
  run->training_rows = training;
  run->evaluation_rows = evaluation;
  run->keeps_passes =  // which are of no use once the last layer has moved
      run->config.training.last_layer_steps == 0 && carry_passes_pay(run->decoder);
  if (budget_bytes(run) <= run->config.run.memory_limit) return true;
  run->keeps_passes = false;
  for (size_t rows = evaluation; rows > 0; rows--) {
    run->training_rows = least(training, rows);
    run->evaluation_rows = least(evaluation, rows);
    if (budget_bytes(run) <= run->config.run.memory_limit) return true;
  }
  return false;
}

void budget_settle(struct run *run, struct error *error) {
  update_settle(run, error);
  if (!last_layer_check(run, error)) return;
  config_resolve(&run->config, rules, LENGTH(rules), run);
  const int64_t batch = run->config.training.batch;
  run->tile = run->config.training.tile < batch ? run->config.training.tile : batch;
  if (find_rows(run)) return;
  if (run->config.automatic[config_parameter_find("evaluation.pod")] != AUTOMATIC_NO)
    run->config.evaluation.pod = false;  // it was not requested
  if (!find_rows(run)) refuse(run, error);
}
