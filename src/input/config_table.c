#include "input/config_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "flow/adjoint.h"
#include "ground/text.h"

#define COUNT_MAX 1e12
#define NUMBER_MAX 1e15
#define AT(member) offsetof(struct config, member)

_Static_assert(sizeof(enum model_kind) == sizeof(int), "TYPE_CHOICE is stored as int");

static const struct config_row run_rows[] = {
    {"directory", TYPE_DIRECTORY, AT(run.directory), "runs/default",
     .text = "where results go; created if missing. Here and in every path ~, $VAR and ${VAR} are "
             "expanded",
     .change = CHANGE_IRRELEVANT},
    {"tasks", TYPE_CHOICES, AT(run.task), "[train, evaluate]", .name = task_name,
     .text = "what to do, in this order; by default evaluate only if there is data.test",
     .change = CHANGE_TAKEN},
    {"model", TYPE_CHOICE, AT(run.model), "gfe", .name = model_name,
     .text = "how latents are found in training: by the flow (gradient flow encoding), or by an "
             "encoder trained with the decoder; pod: nothing is trained, the decoder is the POD of "
             "data.train"},
    {"seed", TYPE_INTEGER, AT(run.seed), "1", .range = {0, 1e15, CLOSED},
     .text = "seed of every random number: initial decoder, order of the samples, generated data"},
    {"restart", TYPE_TEXT, AT(run.restart), RESTART_AUTO,
     .text = "auto: resume from the run directory's checkpoint if there is one; never: start "
             "afresh; or the path of a checkpoint to resume from",
     .change = CHANGE_IRRELEVANT},
    {"walltime", TYPE_DURATION, AT(run.walltime), "0", .range = {0, 1e9, CLOSED}, .unit = "s",
     .text = "time after which the run stops in good order, unless Slurm allows less; 0 = what "
             "Slurm allows, if it runs there",
     .change = CHANGE_IRRELEVANT},
    {"memory_limit", TYPE_BYTES, AT(run.memory_limit), "auto", .range = {1, 1e18, CLOSED},
     .automatic = "0", .unit = "bytes",
     .text = "memory that a rank may use; auto: its node's, divided by the ranks there; with less "
             "a run takes longer, but no result changes",
     .change = CHANGE_IRRELEVANT},
};

static const struct config_row checkpoint_rows[] = {
    {"minutes", TYPE_NUMBER, AT(checkpoint.minutes), "10", .range = {0, 1e7, CLOSED},
     .unit = "minutes", .text = "interval between checkpoints; 0 = off"},
    {"epochs", TYPE_INTEGER, AT(checkpoint.epochs), "0", .range = {0, 1e9, CLOSED},
     .unit = "epochs", .text = "interval between checkpoints; 0 = off"},
    {"steps", TYPE_INTEGER, AT(checkpoint.steps), "0", .range = {0, 1e12, CLOSED},
     .unit = "updates", .text = "interval between checkpoints, in updates of the decoder; 0 = off"},
};

#define SET(member) offsetof(struct data_options, member)
static const struct config_row set_rows[] = {
    {"file", TYPE_FILES, SET(file),
     .text = "HDF5, IDX (also gzipped), .npy, CIFAR-10's .bin or the directory of its batches; "
             "looked for from the working directory, then beside the input file; a pattern such as "
             "sim_*.h5 makes one set of many files, in the order of their names",
     .change = CHANGE_TAKEN},
    {"dataset", TYPE_TEXT, SET(dataset), .text = "HDF5: path of the samples inside the file",
     .change = CHANGE_TAKEN},
    {"fields", TYPE_NAMES, SET(fields),
     .text = "HDF5, instead of dataset: paths of fields, stacked as channels, such as [/height, "
             "/velocity]; components of a vector are channels, too",
     .change = CHANGE_TAKEN},
    {"layout", TYPE_CHOICE, SET(layout), "auto", .name = layout_name,
     .text = "HDF5: the convention by which the file names and orders its axes; auto: recognised "
             "from the file"},
    {"axes", TYPE_NAMES, SET(axes),
     .text =
         "HDF5, .npy: names of a field's axes, in order, such as [sample, time, x, y, component]; "
         "by default those that the file gives. A field with one axis less has no component"},
    {"samples", TYPE_NAMES, SET(samples),
     .text = "the axes that number the samples, such as [sample, time]; by default the sample "
             "axis, or the first"},
    {"select", TYPE_SELECT, SET(select), .range = {0, COUNT_MAX, CLOSED},
     .text = "which places of an axis to take, such as {sample: {first: 0, count: 80}, x: {stride: "
             "2}, z: 5}"},
    {"labels", TYPE_FILE_OR_INSIDE, SET(labels),
     .text =
         "one number per sample, a class or a real number such as a time. HDF5: a path inside the "
         "file, or the name of an axis that numbers samples; otherwise a file of the same format",
     .change = CHANGE_TAKEN},
    {"weights", TYPE_FILE_OR_INSIDE, SET(weights),
     .text = "weight of each entry in the loss, >= 0 (0 = missing), given like the labels; in the "
             "shape of the samples, or in that of one sample or its space, such as cos(latitude), "
             "for all of them",
     .change = CHANGE_TAKEN},
    {"mask", TYPE_MASK, SET(mask),
     .text =
         "which entries to leave out of all samples, those not 0 here: mask.npy, mask.nc:/land or, "
         "in HDF5, a path inside the file; in the shape of one sample or its space",
     .change = CHANGE_TAKEN},
    {"generate", TYPE_CHOICE, SET(generate), "none", .name = generator_name,
     .text = "a synthetic set instead of a file"},
    {"first", TYPE_INTEGER, SET(first), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "index of the first sample to take"},
    {"count", TYPE_INTEGER, SET(count), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "how many to take; 0 = all from first on"},
    {"classes", TYPE_INTEGERS, SET(classes), .range = {-NUMBER_MAX, NUMBER_MAX, CLOSED},
     .text = "labels to take, such as [0, 1, 2], among the samples from first on; needs labels"},
    {"stride", TYPE_INTEGER, SET(stride), "1", .range = {1, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "take every k-th sample of those"},
    {"subset", TYPE_INTEGER, SET(subset), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "how many of those to draw at random, kept in the order of the file; 0 = all"},
    {"subset_seed", TYPE_INTEGER, SET(subset_seed), "1", .range = {0, 1e15, CLOSED},
     .text = "seed of that draw; with the same seed a larger subset contains a smaller one"},
};

static const struct config_row data_rows[] = {
    {"scale", TYPE_SCALE, AT(data.scale), "none", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "divide by a number, or map the training data to [0, 1] (minmax) or to mean 0 and "
             "deviation 1 (standardise), all together or, by {kind: standardise, per: channel}, "
             "each channel or entry by itself"},
    {"missing", TYPE_MISSING, AT(data.missing), "error",
     .text = "what marks a missing entry (weight 0): nan, or a number such as -999; error: nothing "
             "does, and NaN is refused"},
    {"allow_overlap", TYPE_BOOLEAN, AT(data.allow_overlap), "false",
     .text = "whether data.test may share samples or trajectories with data.train",
     .change = CHANGE_IRRELEVANT},
};

static const struct config_row decoder_rows[] = {
    {"latent", TYPE_INTEGER, AT(decoder.latent), "20", .range = {1, 65536, CLOSED},
     .unit = "numbers", .text = "length of the latent z that stands for a sample"},
    {"layers", TYPE_LAYERS, AT(decoder.layers),
     .text = "from the latent to the sample; the last one must have as many outputs as a sample "
             "has entries"},
    {"loss", TYPE_CHOICE, AT(decoder.loss), "bce", .name = loss_name,
     .text =
         "of a reconstruction: cross-entropy of logits with data in [0, 1], or mean squared error"},
    {"initial", TYPE_CHOICE, AT(decoder.initial), "random", .name = initial_name,
     .text = "how the parameters begin: at random; or, beside decoder.layers, whose output begins "
             "at 0, a linear layer begins as the POD of data.train; auto: pod for fewer than 5000 "
             "samples, else random"},
    {"file", TYPE_FILE, AT(decoder.file),
     .text = "results.h5 with a trained decoder to start from or to encode with",
     .change = CHANGE_TAKEN},
};

#define LAYER(member) offsetof(struct layer_spec, member)
#define KIND(kind) (1U << (kind))
enum {
  CONVS = KIND(LAYER_CONV) | KIND(LAYER_CONV_TRANSPOSE),
  EVERY_KIND = KIND(LAYER_KINDS) - 1,
};
const struct config_row config_layer_rows[] = {
    {"dense", TYPE_INTEGER, LAYER(width), .range = {1, 1e8, CLOSED}, .kinds = KIND(LAYER_DENSE),
     .attribute = "width", .unit = "outputs", .text = "a fully connected layer of this width"},
    {"reshape", TYPE_SIZES, LAYER(sizes), .range = {1, 1e8, CLOSED}, .kinds = KIND(LAYER_RESHAPE),
     .attribute = "sizes",
     .text =
         "the input reshaped to [channels, x], [channels, x, y] or [channels, x, y, z], or flat"},
    {"conv", TYPE_INTEGER, LAYER(width), .range = {1, 1e6, CLOSED}, .kinds = KIND(LAYER_CONV),
     .attribute = "width", .unit = "channels",
     .text = "a convolution along every axis except the channels"},
    {"conv_transpose", TYPE_INTEGER, LAYER(width), .range = {1, 1e6, CLOSED},
     .kinds = KIND(LAYER_CONV_TRANSPOSE), .attribute = "width", .unit = "channels",
     .text = "a transposed convolution: a stride of 2 doubles the axes"},
    {"upsample", TYPE_SIZES, LAYER(sizes), .range = {1, 1e6, CLOSED}, .kinds = KIND(LAYER_UPSAMPLE),
     .attribute = "sizes", .text = "repeats every position so many times along each axis"},
    {"residual", TYPE_BRANCHES, LAYER(branch), .kinds = KIND(LAYER_RESIDUAL),
     .attribute = "branches",
     .text = "the sum of two branches, such as [[{dense: 20, activation: elu}, {dense: 20}], []]; "
             "an empty one passes its input on"},
    {"kernel", TYPE_SIZES, LAYER(kernel), .range = {1, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv, conv_transpose: length of the kernel, a number or one per axis"},
    {"stride", TYPE_SIZES, LAYER(stride), "1", .range = {1, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv, conv_transpose: step from one patch to the next, a number or one per axis"},
    {"padding", TYPE_SIZES, LAYER(padding), "0", .range = {0, 1e6, CLOSED}, .kinds = CONVS,
     .text = "conv: positions added around the input; conv_transpose: positions cut off around the "
             "output"},
    {"padding_mode", TYPE_CHOICE, LAYER(padding_mode), "zero", .name = padding_mode_name,
     .kinds = KIND(LAYER_CONV), .newer = true,
     .text = "conv: what fills the padding: 0, the values at the other end, the input mirrored, or "
             "its last value"},
    {"output_padding", TYPE_SIZES, LAYER(output_padding), "0", .range = {0, 1e6, CLOSED},
     .kinds = KIND(LAYER_CONV_TRANSPOSE),
     .text = "conv_transpose: positions added at the end of each axis, fewer than the stride"},
    {"activation", TYPE_CHOICE, LAYER(activation), "identity", .name = activation_name,
     .kinds = EVERY_KIND, .text = "applied to the layer's outputs"},
    {"slope", TYPE_NUMBER, LAYER(slope), "0.01", .range = {0, 1, CLOSED}, .kinds = EVERY_KIND,
     .activations = 1U << ACTIVATION_LEAKY_RELU, .newer = true,
     .text = "leaky_relu: slope below 0"},
};
const size_t config_layer_row_count = LENGTH(config_layer_rows);
_Static_assert(LENGTH(config_layer_rows) <= TEXT_NAMES_MAX, "messages list all keys of a layer");

bool config_layer_has(const struct config_row *row, enum layer_kind kind) {
  return (row->kinds & KIND(kind)) != 0;
}

bool config_layer_uses(const struct config_row *row, const struct layer_spec *layer) {
  return config_layer_has(row, layer->kind) &&
         (row->activations == 0 || (row->activations & 1U << layer->activation) != 0);
}

static const struct config_row ensemble_rows[] = {
    {"layers", TYPE_LAYERS, AT(encoder.layers),
     .text = "from the sample to the latent, given like decoder.layers; by default the mirror of a "
             "dense decoder"},
};

#define SOLVER(member) offsetof(struct solver_options, member)
static const struct config_row solver_rows[] = {
    {"flow", TYPE_CHOICE, SOLVER(flow), "gradient", .name = flow_name,
     .text = "gradient: dz/dt = -alpha g(z); nesterov: z'' + (3/t) z' + alpha g(z) = 0"},
    {"solver", TYPE_CHOICE, SOLVER(solver), "lbfgs", .name = solver_name,
     .text = "lbfgs: quasi-Newton descent; amd: adaptive minimise distance; or an ODE solver"},
    {"time", TYPE_CHOICE, SOLVER(time), "mean", .name = solver_time_name,
     .text = "whether flow time is that of the loss as mean or as sum over a sample's entries"},
    {"coupling", TYPE_CHOICE, SOLVER(coupling), "none", .name = solver_coupling_name,
     .text = "amd: a step size for each sample, or one for the whole batch as in the paper"},
    {"alpha", TYPE_NUMBER, SOLVER(alpha), "1", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "factor of the flow's right-hand side"},
    {"tau", TYPE_NUMBER, SOLVER(tau), "1e4", .range = {0, NUMBER_MAX, CLOSED}, .unit = "flow time",
     .text = "when the flow ends (all solvers but lbfgs)"},
    {"tolerance", TYPE_NUMBER, SOLVER(tolerance), "1e-4", .range = {0, 1, OPEN_UPPER},
     .evaluation = "1e-5",
     .text = "lbfgs, amd: relative decrease of the loss in a step below which a flow counts as "
             "converged"},
    {"slope", TYPE_NUMBER, SOLVER(slope), "0", .range = {0, NUMBER_MAX, CLOSED},
     .unit = "loss per step",
     .text =
         "amd: mean decrease of the last 5 losses below which a flow counts as converged; 0 = off"},
    {"max_iterations", TYPE_INTEGER, SOLVER(max_iterations), "20", .range = {1, 1e9, CLOSED},
     .unit = "iterations", .evaluation = "100", .text = "maximum number of accepted steps"},
    {"memory", TYPE_INTEGER, SOLVER(memory), "10", .range = {1, 100, CLOSED}, .unit = "pairs",
     .text = "lbfgs: number of steps remembered"},
    {"h0", TYPE_NUMBER, SOLVER(h0), "1", .range = {0, NUMBER_MAX, OPEN_LOWER}, .unit = "flow time",
     .text = "amd: first step size"},
    {"h_min", TYPE_NUMBER, SOLVER(h_min), "1", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "amd: smallest step size that a step may begin with"},
    {"h_max", TYPE_NUMBER, SOLVER(h_max), "10", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "amd: largest step size"},
    {"growth", TYPE_NUMBER, SOLVER(growth), "1.1", .range = {1, 1000, CLOSED},
     .text = "amd: factor of the step size after an accepted step"},
    {"shrink", TYPE_NUMBER, SOLVER(shrink), "0.5", .range = {0, 1, OPEN},
     .text = "amd: factor of the step size after a rejected one"},
    {"armijo", TYPE_NUMBER, SOLVER(armijo), "1e-5", .range = {0, 1, OPEN_UPPER},
     .text = "amd: share of the expected decrease that a step must bring (sigma)"},
    {"max_reductions", TYPE_INTEGER, SOLVER(max_reductions), "20", .range = {0, 1000, CLOSED},
     .unit = "trials", .text = "amd: maximum number of rejected trials of one step"},
    {"restart", TYPE_BOOLEAN, SOLVER(restart), "false",
     .text = "nesterov: set the momentum to 0 whenever it climbs"},
    {"step", TYPE_NUMBER, SOLVER(step), "1", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "euler, rk4: step size; heun, dopri5: first trial"},
    {"step_floor", TYPE_NUMBER, SOLVER(step_floor), "1e-10", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "heun, dopri5: step size below which a sample's flow ends"},
    {"rtol", TYPE_NUMBER, SOLVER(rtol), "1e-3", .range = {0, 1, CLOSED},
     .text = "heun, dopri5: error allowed per step, relative to the state"},
    {"atol", TYPE_NUMBER, SOLVER(atol), "1e-4", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "heun, dopri5: error allowed per step, absolute"},
};

static const struct config_row training_rows[] = {
    {"epochs", TYPE_INTEGER, AT(training.epochs), "1", .range = {0, 1e9, CLOSED}, .unit = "epochs",
     .text = "passes over the training data", .change = CHANGE_UNLESS_SCHEDULED},
    {"batch", TYPE_INTEGER, AT(training.batch), "20", .range = {1, 1e9, CLOSED}, .unit = "samples",
     .text = "samples per update of the decoder, over all ranks"},
    {"updates", TYPE_INTEGER, AT(training.updates), "1", .range = {1, 1e6, CLOSED},
     .unit = "updates",
     .text = "updates of the decoder per batch, which is encoded again in between"},
    {"tile", TYPE_INTEGER, AT(training.tile), "auto", .range = {1, 1e9, CLOSED}, .unit = "samples",
     .automatic = "0",
     .text = "samples of a batch whose gradient is summed on one rank; auto: chosen from batch and "
             "decoder"},
    {"optimiser", TYPE_CHOICE, AT(training.optimiser.kind), "adam", .name = optimiser_name,
     .text = "how the gradient changes the decoder"},
    {"learning_rate", TYPE_NUMBER, AT(training.optimiser.learning_rate), "2e-3",
     .range = {0, 1e6, OPEN_LOWER}, .text = "step size of the optimiser"},
    {"beta1", TYPE_NUMBER, AT(training.optimiser.beta1), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "adam: decay of the mean of the gradient"},
    {"beta2", TYPE_NUMBER, AT(training.optimiser.beta2), "0.999", .range = {0, 1, OPEN_UPPER},
     .text = "adam: decay of the mean square of the gradient"},
    {"decay", TYPE_NUMBER, AT(training.optimiser.decay), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "rmsprop: decay of the mean square of the gradient"},
    {"momentum", TYPE_NUMBER, AT(training.optimiser.momentum), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "sgd: fraction of the last step that is kept"},
    {"epsilon", TYPE_NUMBER, AT(training.optimiser.epsilon), "0", .range = {0, 1, CLOSED},
     .text = "adam, rmsprop: keeps the division finite; 0 = the optimiser's own (1e-8, 1e-6)"},
    {"schedule", TYPE_CHOICE, AT(training.optimiser.schedule), "constant", .name = schedule_name,
     .text = "how the learning rate changes"},
    {"schedule_factor", TYPE_NUMBER, AT(training.optimiser.schedule_factor), "0.1",
     .range = {0, 1, OPEN_LOWER},
     .text = "step: factor of each change; cosine: last rate / first rate"},
    {"schedule_epochs", TYPE_INTEGER, AT(training.optimiser.schedule_epochs), "1",
     .range = {1, 1e9, CLOSED}, .unit = "epochs",
     .text = "step: from one change of the rate to the next"},
    {"warm_start", TYPE_BOOLEAN, AT(training.warm_start), "true",
     .text = "flows start from the sample's latent of the epoch before, not from zero; ignored "
             "with an autoencoder, which needs no flows"},
    {"order", TYPE_CHOICE, AT(training.order), "shuffled", .name = order_name,
     .text = "order of the samples: by seed and epoch, or as in the file"},
    {"adjoint", TYPE_CHOICE, AT(training.adjoint), "none", .name = adjoint_name,
     .text = "derivative through the flow: left out, of the flow as computed, or by the adjoint "
             "equation"},
    {"validation", TYPE_NUMBER, AT(training.validation), "0", .range = {0, 1, OPEN_UPPER},
     .text = "fraction of the training samples, in whole groups such as trajectories, that is held "
             "out to validate the training; 0 = none"},
    {"keep", TYPE_CHOICE, AT(training.keep), "last", .name = keep_name,
     .text = "the decoder of the last epoch, or that of the lowest validation loss (the initial "
             "one unless 1 % is gained); by default best if the training validates, else last"},
    {"patience", TYPE_INTEGER, AT(training.patience), "0", .range = {0, 1e9, CLOSED},
     .unit = "validations",
     .text = "validations without a lower loss after which the training ends; 0 = off"},
    {"refit", TYPE_BOOLEAN, AT(training.refit), "false",
     .text = "then train again from the same start on all samples, those held out as well, for as "
             "many epochs as led to the decoder kept; for few samples"},
};

static const struct config_row evaluation_rows[] = {
    {"every", TYPE_INTEGER, AT(evaluation.every), "1", .range = {0, 1e9, CLOSED}, .unit = "epochs",
     .text = "interval between encodings of the test data; 0 = only at the end"},
    {"train", TYPE_BOOLEAN, AT(evaluation.train), "true",
     .text = "encode the training data as well, once the training has ended",
     .change = CHANGE_TAKEN},
    {"start", TYPE_CHOICES, AT(evaluation.start), "auto", .automatic = "auto", .name = start_name,
     .text =
         "where flows may begin; of several starts each sample takes that of least loss. zero: "
         "z = 0; mean: the mean of the trained latents; pod, encoder: POD's code, or that of an "
         "autoencoder; predictor: a linear guess, with a metric for lbfgs; dictionary: the best "
         "of some trained latents; uniform: a random point of [0, 1). auto: zero and, if the "
         "solver ends at a minimum, those of mean, pod and dictionary that exist"},
    {"tries", TYPE_INTEGER, AT(evaluation.tries), "auto", .automatic = "0",
     .range = {1, TRIES_MAX, CLOSED}, .unit = "flows",
     .text = "flows of a sample, from starts that lie apart, of which the one that ends lowest is "
             "kept; auto: up to 3 where the loss stays above 5 times that of the trained latents, "
             "1 where entries are missing"},
    {"prior", TYPE_CHOICE, AT(evaluation.prior), "auto", .name = prior_name,
     .text =
         "of the latents of test and new data: none, or gaussian, with mean and covariance of "
         "the trained latents; auto: gaussian where entries of a set are missing (weight 0) and "
         "the decoder has trained latents"},
    {"noise", TYPE_NUMBERS, AT(evaluation.noise), "0", .range = {0, NUMBER_MAX, CLOSED},
     .unit = "data units",
     .text = "standard deviation of the noise of test and new data, for mse: one, or one per "
             "channel; the decoder's own error, known from training, is added"},
    {"uncertainty", TYPE_CHOICE, AT(evaluation.uncertainty), "false", .name = uncertainty_name,
     .text = "standard deviations of the latents and kept reconstructions of test and new data "
             "(true), and the latents' covariances",
     .change = CHANGE_TAKEN},
    {"pod", TYPE_BOOLEAN, AT(evaluation.pod), "auto", .automatic = "auto",
     .text = "measure POD of the training samples, with as many modes as a latent has numbers, "
             "beside the decoder; auto: if the training data have at most 1e8 entries (bce: 1e6)",
     .change = CHANGE_TAKEN},
};

static const struct config_row gradient_check_rows[] = {
    {"count", TYPE_INTEGER, AT(gradient_check.count), "20", .range = {1, COUNT_MAX, CLOSED},
     .unit = "samples", .text = "samples of data.train whose gradients are checked"},
};

static const struct config_row output_rows[] = {
    {"reconstructions", TYPE_INTEGER, AT(output.reconstructions), "64",
     .range = {0, COUNT_MAX, CLOSED}, .most = "all", .unit = "samples",
     .text = "how many samples are also stored as target and reconstruction, in data units"},
};

#define ROWS(array) .rows = array, .count = LENGTH(array)
static const struct config_section sections[] = {
    {"run", "The run as a whole", 0, ROWS(run_rows)},
    {"data.train", "Samples to learn from (task train)", AT(data.train), ROWS(set_rows)},
    {"data.test", "Samples to measure the decoder with (task evaluate)", AT(data.test),
     ROWS(set_rows), .change = CHANGE_UNLESS_RECORDED},
    {"data.encode", "Samples to encode (task encode)", AT(data.encode), ROWS(set_rows),
     .change = CHANGE_TAKEN},
    {"data.validation",
     "Samples to validate the training with, instead of a share of data.train (task train)",
     AT(data.validation), ROWS(set_rows)},
    {"data", "All of the data", 0, ROWS(data_rows)},
    {"decoder", "The network that turns a latent into a sample", 0, ROWS(decoder_rows)},
    {"encoder", "The network that turns a sample into a latent (run.model = autoencoder)", 0,
     ROWS(ensemble_rows)},
    {"encoding", "How latents are found while training (run.model = gfe)", AT(encoding),
     ROWS(solver_rows)},
    {"training", "How the decoder learns", 0, ROWS(training_rows)},
    {"evaluation", "How test and new data are encoded; a key not given is taken from encoding", 0,
     ROWS(evaluation_rows), .change = CHANGE_UNLESS_RECORDED},
    {"evaluation", NULL, AT(evaluation.solver), ROWS(solver_rows), .evaluation = true,
     .change = CHANGE_UNLESS_RECORDED},
    {"gradient_check", "Are the gradients right? (task gradient_check, program gfe_hpc_double)", 0,
     ROWS(gradient_check_rows), .change = CHANGE_TAKEN},
    {"output", "What the results hold", 0, ROWS(output_rows), .change = CHANGE_TAKEN},
    {"checkpoint", "When the state of a run is saved, to resume after a stop", 0,
     ROWS(checkpoint_rows), .change = CHANGE_IRRELEVANT},
};

// ---- parameters ----

size_t config_parameter_count(void) {
  size_t count = 0;
  for (size_t s = 0; s < LENGTH(sections); s++) count += sections[s].count;
  assert(count <= CONFIG_PARAMETERS);
  return count;
}

struct config_parameter config_parameter(size_t index) {
  const struct config_section *section = sections;
  size_t row = index;
  for (; row >= section->count; section++) {
    assert(section + 1 < sections + LENGTH(sections));
    row -= section->count;
  }
  struct config_parameter parameter = {
      .section = section, .row = &section->rows[row], .index = index};
  snprintf(parameter.key, sizeof parameter.key, "%s.%s", section->name, parameter.row->key);
  return parameter;
}

int config_parameter_find(const char *key) {
  int index = 0;
  for (size_t s = 0; s < LENGTH(sections); s++) {
    const size_t length = strlen(sections[s].name);
    const bool inside = strncmp(key, sections[s].name, length) == 0 && key[length] == '.';
    for (size_t r = 0; r < sections[s].count; r++, index++)
      if (inside && strcmp(key + length + 1, sections[s].rows[r].key) == 0) return index;
  }
  return -1;
}

const char *config_parameter_otherwise(const struct config_parameter *parameter) {
  return parameter->section->evaluation ? parameter->row->evaluation : parameter->row->otherwise;
}

bool config_parameter_inherits(const struct config_parameter *parameter) {
  return parameter->section->evaluation && parameter->row->evaluation == NULL;
}

enum config_change config_parameter_change(const struct config_parameter *parameter) {
  const enum config_change row = parameter->row->change, section = parameter->section->change;
  return row > section ? row : section;
}

size_t config_parameter_offset(const struct config_parameter *parameter) {
  return parameter->section->offset + parameter->row->offset;
}

bool config_is_given(const struct config *config, const char *key) {
  const int index = config_parameter_find(key);
  assert(index >= 0);
  return config->given[index];
}

void config_resolve(struct config *config, const struct config_rule *rules, size_t count,
                    const void *facts) {
  for (size_t r = 0; r < count; r++) {
    const int index = config_parameter_find(rules[r].key);
    assert(index >= 0 && config_parameter((size_t)index).row->automatic != NULL);
    if (config->automatic[index] == AUTOMATIC_NO) continue;
    rules[r].choose(config, facts);
    config->automatic[index] = AUTOMATIC_CHOSEN;
  }
  for (size_t i = 0; i < CONFIG_PARAMETERS; i++) assert(config->automatic[i] != AUTOMATIC_OPEN);
}

// ---- describing ----

static void append_range(char *text, size_t size, const struct config_range *range) {
  char lower[TEXT_NUMBER], upper[TEXT_NUMBER];
  text_append(text, size, " in %c%s,%s%c", range->ends & OPEN_LOWER ? '(' : '[',
              text_number(range->lower, lower), text_number(range->upper, upper),
              range->ends & OPEN_UPPER ? ')' : ']');
}

static void append_choices(char *text, size_t size, const char *(*name)(int)) {
  const char *names[TEXT_NAMES_MAX];
  text_append_names(text, size, names, text_collect_names(name, names));
}

void config_row_describe(const struct config_row *row, char *text, size_t size) {
  static const char *const types[] = {
      [TYPE_BOOLEAN] = "true or false",
      [TYPE_INTEGER] = "integer",
      [TYPE_NUMBER] = "number",
      [TYPE_DURATION] = "number, HH:MM:SS or D-HH:MM:SS",
      [TYPE_BYTES] = "number, or one with a unit such as 4 GiB,",
      [TYPE_CHOICE] = "",
      [TYPE_TEXT] = "text",
      [TYPE_DIRECTORY] = "directory",
      [TYPE_FILE] = "file",
      [TYPE_FILES] = "file or pattern",
      [TYPE_FILE_OR_INSIDE] = "file or path in it",
      [TYPE_MASK] = "file, file:/path or path in it",
      [TYPE_CHOICES] = "list of ",
      [TYPE_SCALE] = "none, minmax, standardise or number",
      [TYPE_MISSING] = "error, nan or number",
      [TYPE_INTEGERS] = "list of integers",
      [TYPE_NUMBERS] = "number or list of numbers",
      [TYPE_NAMES] = "list of names",
      [TYPE_SELECT] = "by axis: first, count and stride, or one place",
      [TYPE_LAYERS] = "list of layers",
      [TYPE_SIZES] = "integer or list of integers",
      [TYPE_BRANCHES] = "two lists of layers",
  };
  text_append(text, size, "%s", types[row->type]);
  if (row->type == TYPE_CHOICE || row->type == TYPE_CHOICES) append_choices(text, size, row->name);
  if (row->type == TYPE_INTEGER || row->type == TYPE_NUMBER || row->type == TYPE_DURATION ||
      row->type == TYPE_BYTES || row->type == TYPE_SCALE || row->type == TYPE_SIZES ||
      row->type == TYPE_NUMBERS)
    append_range(text, size, &row->range);
  if (row->type == TYPE_SCALE) text_append(text, size, ", or {kind: ..., per: ...}");
  if (row->automatic != NULL) text_append(text, size, " or auto");
  if (row->most != NULL) text_append(text, size, " or %s", row->most);
  if (row->unit != NULL) text_append(text, size, ", %s", row->unit);
}
