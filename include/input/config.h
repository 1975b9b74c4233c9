// The input file: every parameter is one declarative row of the table in config_table.c, from which
// reading, checking, help, the reference and the echo of the values come.
#ifndef GFE_CONFIG_H
#define GFE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/layer.h"
#include "flow/solver.h"
#include "ground/error.h"
#include "numerics/optimiser.h"

enum { CONFIG_TEXT = 1024, CONFIG_LAYERS = 64, CONFIG_INTEGERS = 64 };

enum task { TASK_TRAIN, TASK_EVALUATE, TASK_ENCODE, TASK_GRADIENT_CHECK, TASK_COUNT };
const char *task_name(int task);

enum missing { MISSING_ERROR, MISSING_NAN };
const char *missing_name(int kind);

enum scale_kind { SCALE_NONE, SCALE_NUMBER, SCALE_MINMAX, SCALE_STANDARDISE };

enum order { ORDER_SHUFFLED, ORDER_FILE };
const char *order_name(int kind);

enum generator { GENERATE_NONE, GENERATE_CIRCLE };
const char *generator_name(int kind);

enum model_kind { MODEL_GFE, MODEL_AUTOENCODER };
const char *model_name(int kind);

enum start { START_ZERO, START_PREDICTOR };
const char *start_name(int kind);

// Texts of run.restart with a meaning of their own.
#define RESTART_AUTO "auto"
#define RESTART_NEVER "never"

// A list of different integers; count 0 = not given.
struct config_integers {
  int64_t count;
  int64_t values[CONFIG_INTEGERS];
};

// One of data.train, data.test, data.encode. Empty texts mean "not given". Of the range of samples
// those of some classes are kept, of these every stride-th, of these a random subset.
struct data_options {
  char file[CONFIG_TEXT];          // HDF5, IDX (also gzipped), .npy or CIFAR-10
  char dataset[CONFIG_TEXT];       // HDF5: path of the samples inside the file
  char labels[CONFIG_TEXT];        // HDF5: a path inside the file; else a file of the same format
  char weights[CONFIG_TEXT];       // the same, one weight >= 0 per entry
  int generate;                    // a synthetic set instead of a file
  int64_t first, count;            // the range of samples; count 0 = all from first on
  struct config_integers classes;  // labels to take
  int64_t stride;                  // 0 and 1 = all
  int64_t subset, subset_seed;     // how many to draw; 0 = all
};

// A list of layers; count 0 = not given.
struct config_layers {
  int64_t count;
  struct layer_spec list[CONFIG_LAYERS];
};

// Plain data without pointers: read on rank 0, broadcast as bytes.
struct config {
  struct {
    char directory[CONFIG_TEXT];
    bool task[TASK_COUNT];  // tasks run in the order of enum task
    int64_t seed;
    int model;                  // enum model_kind
    bool model_given;           // false: left to decoder.file
    char restart[CONFIG_TEXT];  // RESTART_AUTO, RESTART_NEVER or the path of a checkpoint
    double walltime;            // seconds that the job may take; 0 = not given
  } run;
  struct {
    double minutes;         // between checkpoints; 0 = off, like the others
    int64_t epochs, steps;  // the same
  } checkpoint;
  struct {
    struct data_options train, test, encode;
    struct config_scale {
      int kind;
      double value;  // of SCALE_NUMBER: data are divided by it
    } scale;
    int missing;
  } data;
  struct config_decoder {
    int64_t latent;
    struct config_layers layers;  // none only if decoder.file is given
    int loss;
    char file[CONFIG_TEXT];
    // False: left to decoder.file (true wherever there is none).
    bool latent_given, loss_given, layers_given;
  } decoder;
  struct {
    struct config_layers layers;  // of an autoencoder; none: the decoder's mirror
    bool layers_given;            // false: left to decoder.file, or the mirror
  } encoder;
  struct solver_options encoding;
  struct {
    int64_t epochs, batch, updates, tile;  // tile 0 = chosen from batch
    struct optimiser_options optimiser;
    bool warm_start;
    int order;
    int adjoint;  // enum adjoint_kind
  } training;
  struct {
    struct solver_options solver;
    int64_t every;  // epochs between evaluations of the test set; 0 = only at the end
    bool train;     // whether the training set is encoded at the end
    int start;      // enum start: where flows begin
  } evaluation;
  struct {
    int64_t count;  // samples
  } gradient_check;
  struct {
    int64_t reconstructions;
  } output;
};

// Reads `path` and then the overrides ("section.key=value", in order) into *config, checking every
// value. False with a message in *error if anything is wrong. Not collective: rank 0 calls it.
bool config_read(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct error *error);

// Writes every value, exact, as a valid input file: reading it gives the same struct config.
void config_write(const struct config *config, FILE *stream);

// Writes every parameter with its default and documentation as a valid input file.
void config_write_reference(FILE *stream);

// The same as short lines for --help.
void config_write_summary(FILE *stream);

#endif
