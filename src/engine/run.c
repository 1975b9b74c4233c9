#include "engine/run.h"

#include <stdio.h>

#include "engine/batch_gradient.h"
#include "engine/ensemble.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_table.h"

static const char *const set_names[] = {"train", "test", "encode"};

const char *set_name(enum set set) { return IN_TABLE(set_names, set) ? set_names[set] : NULL; }

const struct data_options *run_data(const struct run *run, enum set set) {
  const struct data_options *const options[] = {&run->config.data.train, &run->config.data.test,
                                                &run->config.data.encode};
  return options[set];
}

// ---- tiles and products ----

static int64_t default_tile(int64_t batch) {
  int64_t tile = (batch + TILES_PER_BATCH - 1) / TILES_PER_BATCH;
  if (tile < TILE_MIN) tile = TILE_MIN;
  if (tile > TILE_MAX) tile = TILE_MAX;
  return tile < batch ? tile : batch;
}

static void choose_tile(struct config *config, const void *run) {
  (void)run;
  config->training.tile = default_tile(config->training.batch);
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

void run_forget_predictor(struct run *run) {
  predictor_destroy(&run->predictor);
  run->predictor_checksum = 0;
}

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
