// A run that is set up: what the tasks work with.
#ifndef GFE_RUN_H
#define GFE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/comm.h"
#include "input/config.h"
#include "data/dataset.h"
#include "decoder/decoder.h"
#include "decoder/placement.h"
#include "engine/predictor.h"

enum set { SET_TRAIN, SET_TEST, SET_ENCODE, SET_COUNT };
const char *set_name(int set);  // "train", "test", "encode"

// Samples per tile where training.tile is 0: about a quarter of a small batch, so that a few ranks
// find work, and two dozen in a large one, as each tile costs one conversion of all gradients.
enum { TILES_PER_BATCH = 4, TILE_LEAST = 10, TILE_MOST = 24 };

struct run {
  struct comm *comm;
  struct config config;                    // with what decoder.file decides filled in
  bool used[SET_COUNT];                    // which sets the tasks need
  struct dataset_shape shapes[SET_COUNT];  // of the used ones
  struct dataset *sets[SET_COUNT];         // of the used ones, once loaded; else NULL
  struct scaling scaling;
  bool scaled_by_file;          // `scaling` comes from decoder.file
  bool file_predicts;           // decoder.file has a predictor
  struct decoder *decoder;      // owned
  struct predictor *predictor;  // of the decoder as it stands, owned; NULL: not fitted
  int64_t tile;                 // samples per tile in training
  struct placement_rule training_rule, evaluation_rule;
};

// Shapes the run after `config` (read on rank 0, broadcast here): the decoder, the sets' shapes,
// the rules of placement. Opens every file, reads no samples, writes nothing. The user's mistakes
// end all ranks. Collective.
struct run *run_prepare(struct comm *comm, const struct config *config);

// Reads and scales the samples and gives the decoder its parameters. Collective.
void run_load(struct run *run);

void run_destroy(struct run **run);

// The options with which set data are encoded, and the file options of a set.
const struct data_options *run_data(const struct run *run, int set);

#endif
