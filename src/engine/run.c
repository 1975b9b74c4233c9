#include "engine/run.h"

#include <math.h>
#include <stdio.h>

#include "engine/batch_gradient.h"
#include "engine/ensemble.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_table.h"

static const char *const set_names[] = {"train", "test", "encode"};

const char *set_name(enum set set) { return (size_t)set < SET_COUNT ? set_names[set] : NULL; }

const struct data_options *run_data(const struct run *run, enum set set) {
  const struct data_options *const options[] = {&run->config.data.train, &run->config.data.test,
                                                &run->config.data.encode};
  return options[set];
}

// ---- tiles and products ----

// At least 1, and `samples` where each weight is used once on each way.
static int64_t tile_limit(const struct network *network, double samples) {
  double weights = 0.0;
  for (size_t l = 0; l < network->layer_count; l++)
    weights += (double)network->layers[l].weight_count;
  const double uses = network_flops(network) / (4.0 * weights);
  return (int64_t)fmax(1.0, floor(samples / uses + 0.5));
}

struct tile_limits run_tile_limits(const struct decoder *decoder) {
  return (struct tile_limits){.least = tile_limit(decoder->network, 10.0),
                              .most = tile_limit(decoder->network, 24.0)};
}

static void choose_tile(struct config *config, const void *facts) {
  const struct run *run = facts;
  const struct tile_limits limits = run_tile_limits(run->decoder);
  const int64_t batch = config->training.batch;
  int64_t tile = (batch + TILES_PER_BATCH - 1) / TILES_PER_BATCH;
  if (tile < limits.least) tile = limits.least;
  if (tile > limits.most) tile = limits.most;
  config->training.tile = tile < batch ? tile : batch;
}

// What the input file may leave to the program; the facts are a struct run.
static const struct config_rule rules[] = {{"training.tile", choose_tile}};

void run_choose_rows(struct run *run) {
  const int64_t batch = run->config.training.batch;
  config_resolve(&run->config, rules, LENGTH(rules), run);
  run->tile = run->config.training.tile < batch ? run->config.training.tile : batch;
  run->training_rows = ensemble_rows(run->decoder, (size_t)batch);
  run->evaluation_rows = ensemble_rows(run->decoder, SIZE_MAX);
}

// ---- what a run has ----

void run_forget_predictor(struct run *run) { predictor_destroy(&run->predictor); }

void run_destroy(struct run **run) {
  if (*run == NULL) return;
  for (int set = 0; set < SET_COUNT; set++) {
    dataset_close(&(*run)->sources[set]);
    dataset_destroy(&(*run)->sets[set]);
  }
  decoder_destroy(&(*run)->decoder);
  predictor_destroy(&(*run)->predictor);
  memory_free(run);
}
