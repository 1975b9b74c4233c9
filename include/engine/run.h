// A run that has been set up (app/setup): the data that the tasks work with.
#ifndef GFE_RUN_H
#define GFE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/hold_out.h"
#include "data/scaling.h"
#include "data/view.h"
#include "decoder/decoder.h"
#include "engine/dictionary.h"
#include "engine/predictor.h"
#include "input/config.h"
#include "platform/comm.h"

enum set { SET_TRAIN, SET_TEST, SET_ENCODE, SET_VALIDATION, SET_COUNT };
const char *set_name(enum set set);  // "train", "test", "encode", "validation"

struct pod;

struct run {
  struct comm *comm;
  struct config config;                        // including what decoder.file determines
  bool used[SET_COUNT];                        // which sets the tasks need
  struct dataset_shape shapes[SET_COUNT];      // of the used ones
  struct dataset_sources *sources[SET_COUNT];  // of the used ones, until loaded; else NULL; owned
  struct dataset *sets[SET_COUNT];             // of the used ones, once loaded; else NULL; owned
  struct view *views[SET_COUNT];               // of the used ones; owned
  struct hold_out *hold_out;      // data.train's part in SET_VALIDATION, owned; NULL: none
  struct scaling *scaling;        // owned; NULL until it is known
  bool scaled_by_file;            // `scaling` comes from decoder.file
  bool file_predicts;             // decoder.file has a predictor
  int64_t file_dictionary;        // entries of its dictionary
  struct decoder *decoder;        // owned
  struct pod *pod;                // from which the decoder starts, owned, or NULL
  struct predictor *predictor;    // of the present decoder, owned; NULL: not fitted
  struct dictionary *dictionary;  // the same
  // Where training has left the latents of this rank's training samples, [local_count]
  // [real_padded(d)], borrowed; NULL: nowhere.
  const real *latents;
  // Mean loss of the samples held out from training, when last measured: with the present decoder
  // or one some steps earlier; borrowed from the trainer, which may not know it yet (NaN). NULL
  // without validation, or for an autoencoder, whose validation loss is that of its encoder.
  const double *held_out_loss;
  // Checksums of what has been loaded: the samples, weights and labels of each set (0: not used);
  // and, from decoder.file, the parameters (with predictor and dictionary if nothing is trained),
  // the predictor and the dictionary (0: none or, for the last two, the decoder has since changed).
  uint64_t data_checksum[SET_COUNT], decoder_checksum, predictor_checksum, dictionary_checksum;
  uint64_t given_files;                   // fingerprint of the input files at the start; on rank 0
  uint64_t input_hash;                    // config_hash() of the input as given; on rank 0
  bool shares_update;                     // each rank updates its share of the parameters
  int64_t tile;                           // samples per tile in training
  size_t training_rows, evaluation_rows;  // largest number of rows of a product
  bool keeps_passes;  // flows leave their last passes to the gradient (engine/carry.h)
};

// To be called before the decoder changes: drops predictor and dictionary, which belong to the old
// theta.
void run_forget_guesses(struct run *run);

void run_destroy(struct run **run);

// The held-out loss, or the one stored in decoder.file; NaN if it is not known.
double run_held_out_loss(const struct run *run);

// The section of the input file that says where a set's samples are; borrowed.
const struct data_options *run_data(const struct run *run, enum set set);

#endif
