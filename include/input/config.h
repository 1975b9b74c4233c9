// The contents of an input file, as plain data. Every parameter is one declarative row of the table
// in config_table.c, from which reading, checking, help, the reference and the echo of the values
// are derived.
#ifndef GFE_CONFIG_H
#define GFE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/layer.h"
#include "decoder/loss.h"
#include "flow/adjoint.h"
#include "flow/solver.h"
#include "numerics/optimiser.h"

enum {
  CONFIG_TEXT = 1024,  // bytes
  CONFIG_LAYERS = 64,
  CONFIG_INTEGERS = 64,
  CONFIG_NUMBERS = 64,
  CONFIG_NAMES = 32,       // in a list
  CONFIG_NAME = 256,       // bytes of one
  CONFIG_AXES = 9,         // of a dataset, at most
  CONFIG_PARAMETERS = 256  // upper bound; the number is config_parameter_count()
};

enum task { TASK_TRAIN, TASK_EVALUATE, TASK_ENCODE, TASK_GRADIENT_CHECK, TASK_COUNT };
const char *task_name(int task);

enum missing { MISSING_ERROR, MISSING_NAN, MISSING_NUMBER };
const char *missing_name(int kind);

enum scale_kind { SCALE_NONE, SCALE_NUMBER, SCALE_MINMAX, SCALE_STANDARDISE };
const char *scale_name(int kind);

// The layout of a file of fields.
enum layout_kind {
  LAYOUT_AUTO,
  LAYOUT_PLAIN,
  LAYOUT_PDEBENCH,
  LAYOUT_WELL,
  LAYOUT_NETCDF,
  LAYOUT_MATLAB
};
const char *layout_name(int kind);

// What has its own constants: all entries of the data together, each channel, or each entry.
enum scale_per { SCALE_PER_ALL, SCALE_PER_CHANNEL, SCALE_PER_ENTRY };
const char *scale_per_name(int per);

enum order { ORDER_SHUFFLED, ORDER_FILE };
const char *order_name(int kind);

enum generator { GENERATE_NONE, GENERATE_CIRCLE };
const char *generator_name(int kind);

enum model_kind { MODEL_GFE, MODEL_AUTOENCODER, MODEL_POD };
const char *model_name(int kind);

enum keep { KEEP_LAST, KEEP_BEST };
const char *keep_name(int kind);

enum initial { INITIAL_RANDOM, INITIAL_POD, INITIAL_AUTO };
const char *initial_name(int kind);

// What a copy takes where it needs an entry outside its sample: the nearest one inside, or 0.
enum outside { OUTSIDE_NEAREST, OUTSIDE_ZERO };
const char *outside_name(int kind);

enum start {
  START_ZERO,
  START_MEAN,
  START_POD,
  START_PREDICTOR,
  START_DICTIONARY,
  START_ENCODER,
  START_UNIFORM,
  START_COUNT,
  START_TRAINED = START_COUNT  // not to be chosen: where training has left the sample's latent
};
enum { TRIES_MAX = 10 };
const char *start_name(int kind);  // of those that can be chosen
const char *start_taken_name(int kind);

// What is assumed about a latent before its sample is seen.
enum prior_kind { PRIOR_AUTO, PRIOR_NONE, PRIOR_GAUSSIAN };
const char *prior_name(int kind);

// Whether uncertainties of latents are computed, and whether with covariances.
enum uncertainty_kind { UNCERTAINTY_NONE, UNCERTAINTY_DEVIATION, UNCERTAINTY_COVARIANCE };
const char *uncertainty_name(int kind);

// Texts of run.restart with a special meaning.
#define RESTART_AUTO "auto"
#define RESTART_NEVER "never"

// A list of distinct integers; count 0 = not given.
struct config_integers {
  int64_t count;
  int64_t values[CONFIG_INTEGERS];
};

// A list of numbers; count 0 = not given.
struct config_numbers {
  int64_t count;
  double values[CONFIG_NUMBERS];
};

// The axis formed by the files of a pattern, unless one of data.*.axes has this name.
#define CONFIG_FILE_AXIS "file"

// A list of distinct names; count 0 = not given.
struct config_names {
  int64_t count;
  char name[CONFIG_NAMES][CONFIG_NAME];
};

// What to take along some axes: places first, first + stride, ...; count 0 = to the end. Along an
// axis with `single`, only one place is taken, and the axis disappears.
struct config_select {
  int64_t count;  // axes; 0 = not given
  struct config_axis {
    char axis[CONFIG_NAME];
    bool single;
    int64_t first, count, stride;
  } axis[CONFIG_AXES];
};

// One of data.train, data.test, data.encode, data.validation. Empty texts mean "not given". From
// the range of samples, those of some classes are kept; of these, every stride-th; of these, a
// random subset.
struct data_options {
  char file[CONFIG_TEXT];          // HDF5, IDX (also gzipped), .npy or CIFAR-10; or a pattern
  char dataset[CONFIG_TEXT];       // HDF5: path of the samples inside the file
  struct config_names fields;      // HDF5, instead: paths of datasets to stack as channels
  enum layout_kind layout;         // HDF5
  struct config_names axes;        // of the dataset, in order
  struct config_names samples;     // the axes that number the samples
  struct config_select select;     // what to take along the axes
  char labels[CONFIG_TEXT];        // HDF5: a path inside the file; else a file of that format
  char weights[CONFIG_TEXT];       // the same, one weight >= 0 per entry
  char mask[CONFIG_TEXT];          // FILE, FILE:/path or, with `dataset`, a path inside
  enum generator generate;         // a synthetic set instead of a file
  int64_t first, count;            // the range of samples; count 0 = all from first on
  struct config_integers classes;  // labels to take
  int64_t stride;                  // 0 and 1 = all
  int64_t subset, subset_seed;     // how many to draw; 0 = all
};

// The part of FILE:/path that is a path inside the file, with its slash; the end of the text if
// none.
const char *config_inner_path(const char *text);

// Transformed copies of the training samples, drawn anew for each pass; all 0 = none.
struct config_copies {
  double shift;                  // along each axis, in grid points, at most
  double scale;                  // factors from 1 - scale to 1 + scale
  double rotation;               // degrees, at most, in the plane of the last two axes
  struct config_names reflect;   // axes along which copies may be reflected
  struct config_names periodic;  // axes along which copies are shifted by any number of points
  enum outside outside;
};

// A list of layers; count 0 = not given.
struct config_layers {
  int64_t count;
  struct layer_spec list[CONFIG_LAYERS];
};

// Who determines a value: the input file or a default, or the program. Until the program has done
// so, the value is 0.
enum config_automatic { AUTOMATIC_NO, AUTOMATIC_OPEN, AUTOMATIC_CHOSEN };

// Plain data without pointers: read on rank 0, broadcast as bytes.
struct config {
  // For each parameter, by its index in the table: whether it has a value, even if by default
  // (false also for what is left to decoder.file), and whether that value is `auto`.
  bool given[CONFIG_PARAMETERS];
  enum config_automatic automatic[CONFIG_PARAMETERS];
  struct {
    char directory[CONFIG_TEXT];
    bool task[TASK_COUNT];  // tasks run in the order of enum task
    int64_t seed;
    enum model_kind model;
    char restart[CONFIG_TEXT];  // RESTART_AUTO, RESTART_NEVER or the path of a checkpoint
    double walltime;            // seconds that the job may take; 0 = not given
    double memory_limit;        // bytes that a rank may take
  } run;
  struct {
    double minutes;         // between checkpoints; 0 = off, as for the others
    int64_t epochs, steps;  // the same
  } checkpoint;
  struct {
    struct data_options train, test, encode, validation;
    struct config_scale {
      enum scale_kind kind;
      double value;        // of SCALE_NUMBER: data are divided by it
      enum scale_per per;  // of SCALE_MINMAX and SCALE_STANDARDISE
    } scale;
    struct config_missing {
      enum missing kind;
      double value;  // of MISSING_NUMBER: the number that stands for a missing entry
    } missing;
    bool allow_overlap;  // of data.train and data.test
  } data;
  struct config_decoder {
    int64_t latent;
    struct config_layers layers;  // none only if decoder.file is given
    enum loss_kind loss;
    enum initial initial;  // resolved once the samples have been counted
    char file[CONFIG_TEXT];
  } decoder;
  struct {
    struct config_layers layers;  // of an autoencoder; none: the decoder's mirror
  } encoder;
  struct solver_options encoding;
  struct {
    int64_t epochs, batch, updates, tile;
    int64_t last_layer_steps;   // before each update; 0: it is trained like the other layers
    double last_layer_damping;  // of these steps, relative to the mean diagonal of their metric
    int64_t again_iterations;   // encoding.again_iterations; 0: as many as in the first update
    bool replay;  // the further updates of a batch draw from all samples loaded so far
    struct optimiser_options optimiser;
    bool warm_start;
    int64_t second_flow;  // epochs between those with second flows; 0 = none
    bool metric;          // flows begin with a common metric
    enum order order;
    enum adjoint_kind adjoint;
    double validation;  // fraction of the training samples held out; 0 = none
    enum keep keep;     // which decoder is kept, with validation
    int64_t folds;      // shares held out, one after the other
    int64_t patience;   // validations without a lower loss that end training; 0 = off
    bool refit;         // train again, on all samples, for the number of passes found
    struct config_copies copies;
  } training;
  struct {
    struct solver_options solver;
    int64_t every;            // epochs between evaluations of the test set; 0 = only at the end
    bool train;               // whether the training set is encoded at the end
    bool start[START_COUNT];  // where flows may begin
    int64_t tries;            // flows per sample; the maximum if left to the program
    enum prior_kind prior;
    struct config_numbers noise;        // of measurements, in data units: one, or one per channel
    enum uncertainty_kind uncertainty;  // false, true or covariance
    int64_t modes;                      // of the posterior that are sought; 1: the flow's end alone
    bool pod;                           // whether the errors of POD are also computed
  } evaluation;
  struct {
    int64_t count;  // samples
  } gradient_check;
  struct {
    int64_t reconstructions;
  } output;
};

// Whether a section specifies a set at all.
bool config_data_is_given(const struct data_options *data);

// Whether there is validation: by a share of the training samples (training.validation) or by a
// separate set (data.validation).
bool config_validates(const struct config *config);

// Whether training uses transformed copies of its samples.
bool config_makes_copies(const struct config *config);

// Whether a run that has trained for `epochs` did more than this input asks for.
bool config_wants_fewer(const struct config *config, int64_t epochs);

#endif
