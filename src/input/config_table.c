#include "input/config_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "decoder/loss.h"
#include "flow/adjoint.h"
#include "ground/text.h"

#define COUNT_MAX 1e12
#define NUMBER_MAX 1e15
#define AT(member) offsetof(struct config, member)

_Static_assert(sizeof(enum model_kind) == sizeof(int), "TYPE_CHOICE is stored as int");

static const struct config_row run_rows[] = {
    {"directory", TYPE_DIRECTORY, AT(run.directory), "runs/default",
     .text = "where results go; created if missing. As in all paths, ~, $VAR and ${VAR} are "
             "expanded",
     .change = CHANGE_IRRELEVANT},
    {"tasks", TYPE_CHOICES, AT(run.task), "[train, evaluate]", .name = task_name,
     .text = "what to do; training comes first and gradient_check last, whatever the order of the "
             "list. By default train, and evaluate if data.test is given",
     .change = CHANGE_TAKEN},
    {"model", TYPE_CHOICE, AT(run.model), "gfe", .name = model_name,
     .text = "how latents are found in training. gfe: by the flow (gradient flow encoding); "
             "autoencoder: by an encoder trained together with the decoder; pod: nothing is "
             "trained, the decoder is the POD of data.train"},
    {"seed", TYPE_INTEGER, AT(run.seed), "1", .range = {0, 1e15, CLOSED},
     .text = "seed of every random number: initial decoder, order of the samples, generated data"},
    {"restart", TYPE_TEXT, AT(run.restart), RESTART_AUTO,
     .text = "auto: resume from the run directory's checkpoint if there is one; never: start "
             "afresh; or the path of a checkpoint to resume from",
     .change = CHANGE_IRRELEVANT},
    {"walltime", TYPE_DURATION, AT(run.walltime), "0", .range = {0, 1e9, CLOSED}, .unit = "s",
     .text = "time after which the run stops cleanly, unless Slurm allows less; 0 = Slurm's time "
             "limit, if there is one",
     .change = CHANGE_IRRELEVANT},
    {"memory_limit", TYPE_BYTES, AT(run.memory_limit), "auto", .range = {1, 1e18, CLOSED},
     .automatic = "0", .unit = "bytes",
     .text = "memory that a rank may use; auto: that of its node, or the part of it that its job "
             "or container may use, divided by the number of ranks there; with less memory a run "
             "takes longer, but no result changes",
     .change = CHANGE_IRRELEVANT},
};

static const struct config_row checkpoint_rows[] = {
    {"minutes", TYPE_NUMBER, AT(checkpoint.minutes), "10", .range = {0, 1e7, CLOSED},
     .unit = "minutes", .text = "interval between checkpoints, in minutes; 0 = off"},
    {"epochs", TYPE_INTEGER, AT(checkpoint.epochs), "0", .range = {0, 1e9, CLOSED},
     .unit = "epochs", .text = "interval between checkpoints, in epochs; 0 = off"},
    {"steps", TYPE_INTEGER, AT(checkpoint.steps), "0", .range = {0, 1e12, CLOSED},
     .unit = "updates", .text = "interval between checkpoints, in updates of the decoder; 0 = off"},
};

#define SET(member) offsetof(struct data_options, member)
static const struct config_row set_rows[] = {
    {"file", TYPE_FILES, SET(file),
     .text = "HDF5, IDX (also gzipped), .npy, CIFAR-10's .bin or the directory of its batches; "
             "paths are relative to the working directory, else to the input file; a pattern such "
             "as sim_*.h5 combines many files into one set, in the order of their names",
     .change = CHANGE_TAKEN},
    {"dataset", TYPE_TEXT, SET(dataset), .text = "HDF5: path of the samples inside the file",
     .change = CHANGE_TAKEN},
    {"fields", TYPE_NAMES, SET(fields),
     .text = "HDF5, instead of dataset: paths of the fields to stack as channels, such as "
             "[/height, /velocity]; the components of a vector become channels, too",
     .change = CHANGE_TAKEN},
    {"layout", TYPE_CHOICE, SET(layout), "auto", .name = layout_name,
     .text = "HDF5: the convention by which the file names and orders its axes; auto: recognised "
             "from the file"},
    {"axes", TYPE_NAMES, SET(axes),
     .text =
         "HDF5, .npy: names of a field's axes, in order, such as [sample, time, x, y, component]; "
         "by default those given in the file. A field with one axis fewer has no component"},
    {"samples", TYPE_NAMES, SET(samples),
     .text = "the axes that number the samples, such as [sample, time]; by default the sample "
             "axis, or the first"},
    {"select", TYPE_SELECT, SET(select), .range = {0, COUNT_MAX, CLOSED},
     .text =
         "positions to take along some axes, such as {sample: {first: 0, count: 80}, x: {stride: "
         "2}, z: 5}; a single position removes the axis"},
    {"labels", TYPE_FILE_OR_INSIDE, SET(labels),
     .text =
         "one number per sample: a class, or a real number such as a time. HDF5: a path inside the "
         "file, or the name of an axis of samples; otherwise a file of the same format",
     .change = CHANGE_TAKEN},
    {"weights", TYPE_FILE_OR_INSIDE, SET(weights),
     .text =
         "weight of each entry in the loss, >= 0 (0 = missing), given like the labels. The array "
         "has the shape of all samples; or that of one sample or of its spatial axes (such as "
         "cos(latitude)), and then applies to every sample",
     .change = CHANGE_TAKEN},
    {"mask", TYPE_MASK, SET(mask),
     .text = "entries where the mask is not 0 are left out of all samples: mask.npy, mask.nc:/land "
             "or, in HDF5, a path inside the file; with the shape of one sample or of its spatial "
             "axes",
     .change = CHANGE_TAKEN},
    {"generate", TYPE_CHOICE, SET(generate), "none", .name = generator_name,
     .text = "a synthetic set instead of a file"},
    {"first", TYPE_INTEGER, SET(first), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "index of the first sample taken"},
    {"count", TYPE_INTEGER, SET(count), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "how many samples to take; 0 = all from first on"},
    {"classes", TYPE_INTEGERS, SET(classes), .range = {-NUMBER_MAX, NUMBER_MAX, CLOSED},
     .text = "labels of the samples to keep, such as [0, 1, 2]; needs labels"},
    {"stride", TYPE_INTEGER, SET(stride), "1", .range = {1, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "keep every k-th of these samples"},
    {"subset", TYPE_INTEGER, SET(subset), "0", .range = {0, COUNT_MAX, CLOSED}, .unit = "samples",
     .text = "how many of the remaining samples to draw at random, keeping their order; 0 = all"},
    {"subset_seed", TYPE_INTEGER, SET(subset_seed), "1", .range = {0, 1e15, CLOSED},
     .text = "seed of the draw of subset; with the same seed, a larger subset contains the smaller "
             "one"},
};

static const struct config_row data_rows[] = {
    {"scale", TYPE_SCALE, AT(data.scale), "none", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "divide by a number, or map the training data to [0, 1] (minmax) or to mean 0 and "
             "standard deviation 1 (standardise): all together or, with {kind: standardise, per: "
             "channel}, each channel or entry separately"},
    {"missing", TYPE_MISSING, AT(data.missing), "error",
     .text = "what marks a missing entry (weight 0): nan, or a number such as -999; error: no "
             "entry may be missing, and NaN is refused"},
    {"allow_overlap", TYPE_BOOLEAN, AT(data.allow_overlap), "false",
     .text = "whether data.test may share samples or trajectories with data.train",
     .change = CHANGE_IRRELEVANT},
};

static const struct config_row decoder_rows[] = {
    {"latent", TYPE_INTEGER, AT(decoder.latent), "20", .range = {1, 65536, CLOSED},
     .unit = "numbers", .text = "length of the latent z that represents a sample"},
    {"layers", TYPE_LAYERS, AT(decoder.layers),
     .text = "the layers from the latent to the sample; the last must have as many outputs as a "
             "sample has entries"},
    {"loss", TYPE_CHOICE, AT(decoder.loss), "bce", .name = loss_name,
     .text =
         "loss of a reconstruction: bce, cross-entropy of logits with data in [0, 1], or mse, mean "
         "squared error"},
    {"initial", TYPE_CHOICE, AT(decoder.initial), "random", .name = initial_name,
     .text = "how the parameters are initialised. random: by random numbers; pod: so that "
             "the decoder is the POD of data.train: a linear layer is added in parallel with "
             "decoder.layers, which give 0 at first; auto: pod for fewer than 5000 samples, else "
             "random"},
    {"file", TYPE_FILE, AT(decoder.file),
     .text = "a results.h5 with a trained decoder to start from or to encode with",
     .change = CHANGE_TAKEN},
};

static const struct config_row ensemble_rows[] = {
    {"layers", TYPE_LAYERS, AT(encoder.layers),
     .text = "the layers from the sample to the latent, given like decoder.layers; by default the "
             "mirror image of a dense decoder"},
};

#define SOLVER(member) offsetof(struct solver_options, member)
static const struct config_row solver_rows[] = {
    {"flow", TYPE_CHOICE, SOLVER(flow), "gradient", .name = flow_name,
     .text = "gradient: dz/dt = -alpha g(z); nesterov: z'' + (3/t) z' + alpha g(z) = 0"},
    {"solver", TYPE_CHOICE, SOLVER(solver), "lbfgs", .name = solver_name,
     .text = "lbfgs: quasi-Newton descent; amd: adaptive minimise distance; or an ODE solver"},
    {"time", TYPE_CHOICE, SOLVER(time), "mean", .name = solver_time_name,
     .text = "whether flow time refers to the loss as a mean or as a sum over a sample's entries"},
    {"root_loss", TYPE_BOOLEAN, SOLVER(root_loss), "false",
     .text = "flows descend the square root of the loss (of mse: the root mean square error, as in "
             "the paper's code for CIFAR-10); makes no difference to lbfgs, which ends at the same "
             "minimum"},
    {"coupling", TYPE_CHOICE, SOLVER(coupling), "none", .name = solver_coupling_name,
     .text = "amd: none, a step size for each sample; batch, one for the whole batch as in the "
             "paper"},
    {"alpha", TYPE_NUMBER, SOLVER(alpha), "1", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "factor of the flow's right-hand side"},
    {"tau", TYPE_NUMBER, SOLVER(tau), "1e4", .range = {0, NUMBER_MAX, CLOSED}, .unit = "flow time",
     .text = "flow time at which a flow ends (all solvers except lbfgs)"},
    {"tolerance", TYPE_NUMBER, SOLVER(tolerance), "1e-4", .range = {0, 1, OPEN_UPPER},
     .evaluation = "1e-5",
     .text = "lbfgs, amd: relative decrease of the loss per step below which a flow counts as "
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
     .unit = "flow time", .text = "amd: smallest step size with which a step may begin"},
    {"h_max", TYPE_NUMBER, SOLVER(h_max), "10", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "amd: largest step size"},
    {"growth", TYPE_NUMBER, SOLVER(growth), "1.1", .range = {1, 1000, CLOSED},
     .text = "amd: factor applied to the step size after an accepted step"},
    {"shrink", TYPE_NUMBER, SOLVER(shrink), "0.5", .range = {0, 1, OPEN},
     .text = "amd: factor applied to the step size after a rejected one"},
    {"armijo", TYPE_NUMBER, SOLVER(armijo), "1e-5", .range = {0, 1, OPEN_UPPER},
     .text = "amd: fraction of the expected decrease that a step must achieve (sigma)"},
    {"max_reductions", TYPE_INTEGER, SOLVER(max_reductions), "20", .range = {0, 1000, CLOSED},
     .unit = "trials", .text = "amd: maximum number of rejected trials of one step"},
    {"restart", TYPE_BOOLEAN, SOLVER(restart), "false",
     .text = "nesterov: set the momentum to 0 whenever it points uphill"},
    {"step", TYPE_NUMBER, SOLVER(step), "1", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "euler, rk4: step size; heun, dopri5: first trial"},
    {"step_floor", TYPE_NUMBER, SOLVER(step_floor), "1e-10", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .unit = "flow time", .text = "heun, dopri5: step size below which a sample's flow ends"},
    {"rtol", TYPE_NUMBER, SOLVER(rtol), "1e-3", .range = {0, 1, CLOSED},
     .text = "heun, dopri5: error allowed per step, relative to the state"},
    {"atol", TYPE_NUMBER, SOLVER(atol), "1e-4", .range = {0, NUMBER_MAX, OPEN_LOWER},
     .text = "heun, dopri5: error allowed per step, absolute"},
};

static const struct config_row again_rows[] = {
    {"again_iterations", TYPE_INTEGER, AT(training.again_iterations), "0",
     .range = {0, 1e9, CLOSED}, .unit = "iterations",
     .text =
         "lbfgs: maximum number of steps when samples are encoded again between the updates of a "
         "batch (training.updates); the flows then also reuse the curvature found before. "
         "0 = max_iterations, without reusing curvature"},
};

static const struct config_row training_rows[] = {
    {"epochs", TYPE_INTEGER, AT(training.epochs), "1", .range = {0, 1e9, CLOSED}, .unit = "epochs",
     .text = "passes over the training data", .change = CHANGE_UNLESS_SCHEDULED},
    {"batch", TYPE_INTEGER, AT(training.batch), "20", .range = {1, 1e9, CLOSED}, .unit = "samples",
     .text = "samples per update of the decoder, over all ranks"},
    {"updates", TYPE_INTEGER, AT(training.updates), "1", .range = {1, 1e6, CLOSED},
     .automatic = "auto", .unit = "updates",
     .text = "updates of the decoder per batch; the batch is encoded again before each; auto: "
             "480 updates in all (96 with last_layer_steps), divided among the batches and rounded "
             "down, at most 16 per batch, or 50 for batches of 250 and more"},
    {"replay", TYPE_BOOLEAN, AT(training.replay), "false",
     .text = "from the second update of a batch on, use in its place the same number of samples, "
             "drawn from all those loaded so far, with their latents; each sample is loaded once "
             "per epoch but used more often (uses_per_sample in summary.json)"},
    {"tile", TYPE_INTEGER, AT(training.tile), "auto", .range = {1, 1e9, CLOSED}, .unit = "samples",
     .automatic = "0",
     .text = "samples of a batch whose gradient is summed on one rank; auto: chosen from batch and "
             "decoder"},
    {"optimiser", TYPE_CHOICE, AT(training.optimiser.kind), "adam", .name = optimiser_name,
     .text = "the method that updates the decoder, given the gradient"},
    {"learning_rate", TYPE_NUMBER, AT(training.optimiser.learning_rate), "2e-3",
     .range = {0, 1e6, OPEN_LOWER}, .automatic = "auto",
     .text = "step size of the optimiser; auto: for adam, 1e-3 to 4e-3, depending on epochs times "
             "updates, batch, replay, last_layer_steps and decoder.initial"},
    {"last_layer_steps", TYPE_INTEGER, AT(training.last_layer_steps), "0",
     .range = {0, 1000, CLOSED}, .unit = "steps",
     .text = "number of Newton steps of the decoder's last layer before each update, with the "
             "Hessian of the batch's loss (bce: an upper bound on it). The steps are multiplied by "
             "the ratio of the learning rate to its first value. That layer must be dense, without "
             "activation. With batches "
             "of 250 and more, 1 or 2 steps save three quarters of the updates"},
    {"last_layer_damping", TYPE_NUMBER, AT(training.last_layer_damping), "0.1",
     .range = {0, 1e6, OPEN_LOWER},
     .text = "added to the diagonal of the Hessian of last_layer_steps, in units of its mean"},
    {"beta1", TYPE_NUMBER, AT(training.optimiser.beta1), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "adam: decay of the mean of the gradient"},
    {"beta2", TYPE_NUMBER, AT(training.optimiser.beta2), "0.999", .range = {0, 1, OPEN_UPPER},
     .text = "adam: decay of the mean square of the gradient"},
    {"decay", TYPE_NUMBER, AT(training.optimiser.decay), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "rmsprop: decay of the mean square of the gradient"},
    {"momentum", TYPE_NUMBER, AT(training.optimiser.momentum), "0.9", .range = {0, 1, OPEN_UPPER},
     .text = "sgd: fraction of the previous step that is retained"},
    {"epsilon", TYPE_NUMBER, AT(training.optimiser.epsilon), "0", .range = {0, 1, CLOSED},
     .text = "adam, rmsprop: keeps the division finite; 0 = the default for each (1e-8, 1e-6)"},
    {"schedule", TYPE_CHOICE, AT(training.optimiser.schedule), "constant", .name = schedule_name,
     .automatic = "auto",
     .text =
         "how the learning rate changes during training; auto: cosine, which falls anew over the "
         "remaining epochs if a restart gives more of them"},
    {"schedule_factor", TYPE_NUMBER, AT(training.optimiser.schedule_factor), "0.1",
     .range = {0, 1, OPEN_LOWER},
     .text = "step: factor of each change; cosine: final rate / initial rate"},
    {"schedule_epochs", TYPE_INTEGER, AT(training.optimiser.schedule_epochs), "1",
     .range = {1, 1e9, CLOSED}, .unit = "epochs",
     .text = "step: interval between changes of the rate"},
    {"warm_start", TYPE_BOOLEAN, AT(training.warm_start), "true",
     .text = "flows start from the sample's latent of the previous epoch, not from zero; ignored "
             "with an autoencoder, which needs no flows; false with training.copies"},
    {"second_flow", TYPE_INTEGER, AT(training.second_flow), "auto", .automatic = "auto",
     .range = {0, 1e9, CLOSED}, .unit = "epochs",
     .text =
         "interval between epochs in which each sample has a second flow, from whichever latent of "
         "another sample fits it best; the better end is kept. 0 = never; auto: 10, but 0 with "
         "fewer than 10 epochs, without warm_start, with an adjoint or with a shared step "
         "(coupling). Ignored with an autoencoder"},
    {"metric", TYPE_BOOLEAN, AT(training.metric), "auto", .automatic = "auto",
     .text = "from the second epoch on, the first step of each flow of lbfgs is scaled by the mean "
             "curvature at the latents of recent samples; auto: with warm starts. Ignored with an "
             "autoencoder"},
    {"order", TYPE_CHOICE, AT(training.order), "shuffled", .name = order_name,
     .text = "order of the samples: shuffled by seed and epoch, or as in the file"},
    {"adjoint", TYPE_CHOICE, AT(training.adjoint), "none", .name = adjoint_name,
     .text = "derivative through the flow. none: left out; discrete: exact for the flow as "
             "computed; continuous: by the adjoint equation"},
    {"validation", TYPE_NUMBER, AT(training.validation), "0", .range = {0, 1, OPEN_UPPER},
     .text = "fraction of the training samples, in whole groups such as trajectories, that is held "
             "out for validation; 0 = none"},
    {"folds", TYPE_INTEGER, AT(training.folds), "1", .range = {1, 100, CLOSED},
     .text = "cross-validation: number of disjoint shares that are held out one after the other, "
             "each in a separate training run, before the refit; the mean over all of them "
             "decides, which is safer where samples are few"},
    {"keep", TYPE_CHOICE, AT(training.keep), "last", .name = keep_name,
     .text = "which decoder to keep: last, that of the last epoch; best, that with the lowest "
             "validation loss (the initial one unless a gain is significant and at least "
             "1 %). By default, best if there is validation, else last"},
    {"patience", TYPE_INTEGER, AT(training.patience), "0", .range = {0, 1e9, CLOSED},
     .unit = "validations",
     .text = "number of validations without a lower loss after which training ends; 0 = off"},
    {"refit", TYPE_BOOLEAN, AT(training.refit), "false",
     .text =
         "after validation has chosen, train again from the start on all samples, including those "
         "held out (a start from POD is then the POD of all of them), for the number of epochs "
         "that led to the decoder kept; for few samples"},
};

static const struct config_row copies_rows[] = {
    {"shift", TYPE_NUMBER, AT(training.copies.shift), "0", .range = {0, 1e6, CLOSED},
     .unit = "grid points",
     .text = "largest shift along each spatial axis, also by fractions of a point"},
    {"scale", TYPE_NUMBER, AT(training.copies.scale), "0", .range = {0, 1, OPEN_UPPER},
     .text = "largest change of scale, about the centre: 0.08 means factors from 0.92 to 1.08"},
    {"rotation", TYPE_NUMBER, AT(training.copies.rotation), "0", .range = {0, 180, CLOSED},
     .unit = "degrees",
     .text = "largest rotation about the centre, in the plane of the last two spatial axes"},
    {"reflect", TYPE_NAMES, AT(training.copies.reflect),
     .text = "spatial axes along which copies are reflected, each with probability 1/2"},
    {"periodic", TYPE_NAMES, AT(training.copies.periodic),
     .text = "spatial axes along which copies are shifted cyclically by any number of points, for "
             "data that are periodic there"},
    {"outside", TYPE_CHOICE, AT(training.copies.outside), "nearest", .name = outside_name,
     .text = "what lies outside a sample: the nearest of its entries, or zero (after data.scale)"},
};

static const struct config_row evaluation_rows[] = {
    {"every", TYPE_INTEGER, AT(evaluation.every), "1", .range = {0, 1e9, CLOSED}, .unit = "epochs",
     .text = "interval between encodings of the test data; 0 = only at the end"},
    {"train", TYPE_BOOLEAN, AT(evaluation.train), "true",
     .text = "encode the training data as well once training has ended", .change = CHANGE_TAKEN},
    {"start", TYPE_CHOICES, AT(evaluation.start), "auto", .automatic = "auto", .name = start_name,
     .text =
         "where flows may begin; each sample takes the start with the smallest loss. zero: "
         "z = 0; mean: the mean of the trained latents; pod: POD's code; encoder: an autoencoder's "
         "code; predictor: a linear guess, with a metric for lbfgs; dictionary: the best of some "
         "trained latents; uniform: a random point of [0, 1)^d. auto: zero; pod, if it exists; "
         "with lbfgs also mean and dictionary, if they exist. For a POD model, pod alone"},
    {"tries", TYPE_INTEGER, AT(evaluation.tries), "auto", .automatic = "auto",
     .range = {1, TRIES_MAX, CLOSED}, .unit = "flows",
     .text =
         "number of flows per sample, from well-separated starts, of which the one with the "
         "lowest final loss is kept. auto: 1 if entries are missing or weighted, or dictionary is "
         "not among "
         "the starts, otherwise up to 4. A further flow then follows only while the lowest loss "
         "so far is above 3 times that of the trained latents and has been found fewer than "
         "three times, from starts with at most 16 times the loss of the first"},
    {"prior", TYPE_CHOICE, AT(evaluation.prior), "auto", .name = prior_name,
     .text =
         "prior of the latents of test and new data: none, or gaussian, with the mean and "
         "covariance of the trained latents; auto: gaussian for sets with missing entries (weight "
         "0) if the decoder has trained latents"},
    {"noise", TYPE_NUMBERS, AT(evaluation.noise), "0", .range = {0, NUMBER_MAX, CLOSED},
     .unit = "data units",
     .text = "mse: standard deviation of the noise in test and new data, one number or one per "
             "channel; the variance of the decoder's own error, estimated in training, is added to "
             "its square"},
    {"uncertainty", TYPE_CHOICE, AT(evaluation.uncertainty), "false", .name = uncertainty_name,
     .text = "compute standard deviations of the latents and stored reconstructions of test and "
             "new data (true), and also covariances of the latents (covariance)",
     .change = CHANGE_TAKEN},
    {"modes", TYPE_INTEGER, AT(evaluation.modes), "4", .range = {1, TRIES_MAX, CLOSED},
     .unit = "flows",
     .text = "where a prior is used and uncertainty is requested: flows per sample, from "
             "well-separated starts, that look for maxima of the posterior; mean and standard "
             "deviation of the posterior (posterior_mean, posterior_std) are those of their "
             "mixture. 1 = off",
     .change = CHANGE_TAKEN},
    {"pod", TYPE_BOOLEAN, AT(evaluation.pod), "auto", .automatic = "auto",
     .text = "also measure the POD of the training samples, with as many modes as a latent has "
             "numbers; auto: if the training data have at most 1e8 entries (bce: 1e6)",
     .change = CHANGE_TAKEN},
};

static const struct config_row gradient_check_rows[] = {
    {"count", TYPE_INTEGER, AT(gradient_check.count), "20", .range = {1, COUNT_MAX, CLOSED},
     .unit = "samples", .text = "samples of data.train whose gradients are checked"},
};

static const struct config_row output_rows[] = {
    {"reconstructions", TYPE_INTEGER, AT(output.reconstructions), "64",
     .range = {0, COUNT_MAX, CLOSED}, .most = "all", .unit = "samples",
     .text = "number of samples whose target and reconstruction are also stored, in data units"},
};

#define ROWS(array) .rows = array, .count = LENGTH(array)
static const struct config_section sections[] = {
    {"run", "General settings of the run", 0, ROWS(run_rows)},
    {"data.train", "Samples to train with (task train)", AT(data.train), ROWS(set_rows)},
    {"data.test", "Samples to measure the decoder with (task evaluate)", AT(data.test),
     ROWS(set_rows), .change = CHANGE_UNLESS_RECORDED},
    {"data.encode", "Samples to encode (task encode)", AT(data.encode), ROWS(set_rows),
     .change = CHANGE_TAKEN},
    {"data.validation", "Samples for validation, instead of a share of data.train (task train)",
     AT(data.validation), ROWS(set_rows)},
    {"data", "Settings for all data", 0, ROWS(data_rows)},
    {"decoder", "The network that turns a latent into a sample", 0, ROWS(decoder_rows)},
    {"encoder", "The network that turns a sample into a latent (run.model = autoencoder)", 0,
     ROWS(ensemble_rows)},
    {"encoding", "How latents are found while training (run.model = gfe)", AT(encoding),
     ROWS(solver_rows)},
    {"encoding", NULL, 0, ROWS(again_rows)},
    {"training", "How the decoder learns", 0, ROWS(training_rows)},
    {"training.copies",
     "Transformed copies to train on instead of the samples, new ones in each pass", 0,
     ROWS(copies_rows)},
    {"evaluation",
     "How test and new data are encoded; keys without a default here are taken from encoding", 0,
     ROWS(evaluation_rows), .change = CHANGE_UNLESS_RECORDED},
    {"evaluation", NULL, AT(evaluation.solver), ROWS(solver_rows), .evaluation = true,
     .change = CHANGE_UNLESS_RECORDED},
    {"gradient_check", "Are the gradients right? (task gradient_check, program gfe_hpc_double)", 0,
     ROWS(gradient_check_rows), .change = CHANGE_TAKEN},
    {"output", "Contents of the results", 0, ROWS(output_rows), .change = CHANGE_TAKEN},
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

static void append_choices(char *text, size_t size, const struct config_row *row) {
  const char *names[TEXT_NAMES_MAX + 1];
  size_t count = text_collect_names(row->name, names);
  if (row->automatic != NULL && row->type == TYPE_CHOICE) names[count++] = "auto";
  text_append_names(text, size, names, count);
}

static void append_automatic(char *text, size_t size, const struct config_row *row) {
  if (row->automatic == NULL || row->type == TYPE_CHOICE) return;
  text_append(text, size, row->type == TYPE_CHOICES ? ", or auto" : " or auto");
}

void config_row_describe(const struct config_row *row, char *text, size_t size) {
  const char *const types[] = {
      [TYPE_BOOLEAN] = row->automatic != NULL ? "true, false" : "true or false",
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
      [TYPE_SELECT] = "by axis: first, count and stride, or one position",
      [TYPE_LAYERS] = "list of layers",
      [TYPE_SIZES] = "integer or list of integers",
      [TYPE_BRANCHES] = "two lists of layers",
  };
  text_append(text, size, "%s", types[row->type]);
  if (row->type == TYPE_CHOICE || row->type == TYPE_CHOICES) append_choices(text, size, row);
  if (row->type == TYPE_INTEGER || row->type == TYPE_NUMBER || row->type == TYPE_DURATION ||
      row->type == TYPE_BYTES || row->type == TYPE_SCALE || row->type == TYPE_SIZES ||
      row->type == TYPE_NUMBERS)
    append_range(text, size, &row->range);
  if (row->type == TYPE_SCALE) text_append(text, size, ", or {kind: ..., per: ...}");
  append_automatic(text, size, row);
  if (row->most != NULL) text_append(text, size, " or %s", row->most);
  if (row->unit != NULL) text_append(text, size, ", %s", row->unit);
}
