#include "app/setup.h"

#include <stdio.h>
#include <string.h>

#include "data/copies.h"
#include "engine/budget.h"
#include "engine/pod_branch.h"
#include "engine/pod_start.h"
#include "engine/posterior.h"
#include "engine/start_check.h"
#include "engine/validation.h"
#include "files/decoder_file.h"
#include "files/dictionary_file.h"
#include "files/given_files.h"
#include "files/predictor_file.h"
#include "ground/checksum.h"
#include "ground/clock.h"
#include "ground/directory.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_compare.h"

static const char *const set_keys[] = {"data.train", "data.test", "data.encode", "data.validation"};

// Taylor tests are swamped by the rounding of float32.
static void check_precision(const struct config *config, struct error *error) {
  if (config->run.task[TASK_GRADIENT_CHECK] && sizeof(real) != sizeof(double))
    error_set(error, "run.tasks: gradient_check needs double precision; run gfe_hpc_double");
}

// Predictor and dictionary are fitted to training data, or come with decoder.file.
static void check_start(struct run *run, struct error *error) {
  const struct config *config = &run->config;
  const char *file = config->decoder.file;
  const bool given = file[0] != '\0' && !error_is_set(error);
  run->file_predicts = given && predictor_is_in(file);
  run->file_dictionary = given ? dictionary_count_in(file) : 0;
  const bool there[START_COUNT] = {[START_PREDICTOR] = run->file_predicts,
                                   [START_MEAN] = run->file_dictionary > 0,
                                   [START_DICTIONARY] = run->file_dictionary > 0};
  const bool fitted[START_COUNT] = {
      [START_PREDICTOR] = true, [START_MEAN] = true, [START_DICTIONARY] = true};
  if (config->run.task[TASK_TRAIN] || config->run.task[TASK_GRADIENT_CHECK]) return;
  for (int kind = 0; kind < START_COUNT; kind++)
    if (config->evaluation.start[kind] && fitted[kind] && !there[kind])
      error_set(error,
                "evaluation.start = %s: not present in decoder.file = %s; to add it, run the task "
                "train with this decoder.file, data.train and training.epochs = 0",
                start_name(kind), file);
}

// Checks that the layers fit, which the input file alone cannot tell if decoder.file provides some.
static bool check_layers(const char *what, const char *file, size_t inputs,
                         const struct config_layers *layers, struct error *error) {
  struct error reason = {""};
  const size_t count = (size_t)layers->count;
  const size_t wrong = network_check(inputs, count, layers->list, &reason);
  return wrong == count || error_set(error, "%s%s: layer %zu, %s: %s", what, file, wrong,
                                     layer_name(layers->list[wrong].kind), reason.text);
}

static bool check_decoder(const struct config_decoder *decoder, struct error *error) {
  return check_layers(decoder->file[0] != '\0' ? "decoder.file = " : "decoder.layers",
                      decoder->file, (size_t)decoder->latent, &decoder->layers, error);
}

// Gives an autoencoder its encoder.
static void add_encoder(struct run *run, struct error *error) {
  const struct config *config = &run->config;
  const struct config_layers *decoder = &config->decoder.layers;
  const size_t d = run->decoder->d;
  struct config_layers layers = config->encoder.layers;
  if (config->run.model != MODEL_AUTOENCODER) return;
  if (layers.count == 0) {
    layers.count = decoder->count;
    if (!decoder_mirror(d, (size_t)decoder->count, decoder->list, layers.list)) {
      error_set(error,
                "run.model = %s: the decoder of decoder.file = %s has no mirror, as not all "
                "of its layers are dense; give encoder.layers",
                model_name(config->run.model), config->decoder.file);
      return;
    }
  }
  if (!check_layers("encoder.layers", "", run->decoder->n, &layers, error)) return;
  const size_t outputs = network_outputs(run->decoder->n, (size_t)layers.count, layers.list);
  if (outputs == d)
    decoder_add_encoder(run->decoder, (size_t)layers.count, layers.list);
  else
    error_set(error,
              "encoder.layers: the last layer has %zu outputs, but the decoder takes %zu numbers; "
              "they must be equal",
              outputs, d);
}

// The axes of a sample, unless it has only one.
static void append_shape(char *text, size_t size, const struct layer_shape *shape) {
  char sizes[LAYER_SHAPE_TEXT];
  if (shape->axes > 1)
    snprintf(text, size, " (%s)", layer_shape_text(shape, sizes));
  else
    text[0] = '\0';
}

// The lengths other than 1.
static size_t squeeze(size_t axes, const int64_t *lengths, int64_t *kept) {
  size_t count = 0;
  for (size_t a = 0; a < axes; a++)
    if (lengths[a] != 1) kept[count++] = lengths[a];
  return count;
}

static void append_lengths(char *text, size_t size, size_t axes, const int64_t *lengths) {
  for (size_t a = 0; a < axes; a++)
    text_append(text, size, "%s%lld", a > 0 ? " x " : "", (long long)lengths[a]);
}

// The entries of a sample must match those of the decoder's last layer axis by axis: spatial axes
// must have the same lengths, apart from axes of length 1; what precedes them is channels. For
// samples with a single axis the order cannot be wrong.
static void check_order(const struct run *run, enum set set, struct error *error) {
  const struct dataset_shape *shape = &run->shapes[set];
  const struct layer_shape *to = network_shape(run->decoder->network);
  int64_t lengths[LAYER_AXES + 1], space[LAYER_AXES + 1], sample[DATASET_AXES];
  for (size_t a = 0; a < to->axes; a++) lengths[a] = (int64_t)to->size[a];
  const size_t axes = to->axes > 1 ? squeeze(to->axes - 1, lengths + 1, space) : 0;
  const size_t held = squeeze((size_t)shape->axes, shape->shape, sample);
  if (axes == 0 || held <= 1) return;
  if (held >= axes && memcmp(sample + held - axes, space, axes * sizeof *space) == 0) return;
  const bool last = held == axes + 1 && sample[axes] == lengths[0] &&
                    memcmp(sample, space, axes * sizeof *space) == 0;
  char outputs[128] = "", entries[128] = "";
  append_lengths(outputs, sizeof outputs, to->axes, lengths);
  append_lengths(entries, sizeof entries, (size_t)shape->axes, shape->shape);
  error_set(
      error,
      "decoder.layers: they end in %s, but a sample of %s is %s: the same size in another order; "
      "%s%s%s",
      outputs, set_keys[set], entries,
      last ? "its channels are last: with names of axes, such as " : "", last ? set_keys[set] : "",
      last ? ".axes: [sample, y, x, component], they come first"
           : "end in the shape of a sample, or flat");
}

static void check_shapes(const struct run *run, struct error *error) {
  const char *file = run->config.decoder.file;
  const struct network *network = run->decoder->network;
  char outputs[LAYER_SHAPE_TEXT + 4], entries[LAYER_SHAPE_TEXT + 4];
  append_shape(outputs, sizeof outputs, network_shape(network));
  for (int set = 0; set < SET_COUNT; set++) {
    const struct dataset_shape *shape = &run->shapes[set];
    if (!run->used[set]) continue;
    if (shape->n == run->decoder->n) {
      check_order(run, (enum set)set, error);
      continue;
    }
    struct layer_shape sample = {0};
    for (int axis = 0; axis < shape->axes && sample.axes < LAYER_AXES; axis++)
      sample.size[sample.axes++] = (size_t)shape->shape[axis];
    append_shape(entries, sizeof entries, &sample);
    error_set(error,
              "%s%s: the last layer has %zu outputs%s, but a sample of %s has %zu entries%s; they "
              "must be equal",
              file[0] != '\0' ? "decoder.file = " : "decoder.layers", file, run->decoder->n,
              outputs, set_keys[set], shape->n, entries);
  }
}

// A decoder with scaling per channel, or per entry, needs data with as many channels or entries.
static void check_channels(const struct run *run, struct error *error) {
  if (!run->scaled_by_file) return;
  const size_t count = run->scaling->count;
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set] || count == 1 || count == run->scaling->n ||
        count == (size_t)run->views[set]->channels)
      continue;
    error_set(error,
              "decoder.file = %s: its data were scaled per channel and had %zu channels; a sample "
              "of %s has %lld",
              run->config.decoder.file, count, set_keys[set], (long long)run->views[set]->channels);
  }
}

// Flows that begin at the codes of an encoder, or of the decoder's linear layer.
static void check_codes(const struct run *run, struct error *error) {
  if (run->config.evaluation.start[START_ENCODER] && run->decoder->encoder == NULL)
    error_set(error, "evaluation.start = %s: only run.model = %s has an encoder",
              start_name(START_ENCODER), model_name(MODEL_AUTOENCODER));
  if (run->config.evaluation.start[START_POD] && pod_branch_find(run->decoder->network) == NULL)
    error_set(error,
              "evaluation.start = %s: the decoder has no linear layer from latent to sample, alone "
              "or beside the others; decoder.initial = %s makes one, run.model = %s is one",
              start_name(START_POD), initial_name(INITIAL_POD), model_name(MODEL_POD));
}

struct run *setup_prepare(struct comm *comm, const struct config *config) {
  struct run *run = memory_new(struct run, 1);
  struct error error = {""};
  run->comm = comm;
  if (comm_rank(comm) == 0) {
    run->config = *config;
    run->input_hash = config_hash(config);
    check_precision(config, &error);
    directory_check("run.directory", config->run.directory, &error);
    if (config->decoder.file[0] != '\0') decoder_file_describe(&run->config, &run->scaling, &error);
    check_start(run, &error);
  }
  comm_settle(comm, &error);
  comm_broadcast(comm, &run->config, sizeof run->config, 0);
  run->scaling = scaling_broadcast(comm, run->scaling);
  run->scaled_by_file = run->scaling != NULL;
  comm_broadcast(comm, &run->file_predicts, sizeof run->file_predicts, 0);
  comm_broadcast(comm, &run->file_dictionary, sizeof run->file_dictionary, 0);

  config = &run->config;
  run->used[SET_TRAIN] = config->run.task[TASK_TRAIN] || config->run.task[TASK_GRADIENT_CHECK];
  run->used[SET_TEST] = config->run.task[TASK_EVALUATE];
  run->used[SET_ENCODE] = config->run.task[TASK_ENCODE];
  run->used[SET_VALIDATION] =
      config->run.task[TASK_TRAIN] && config_data_is_given(&config->data.validation);
  if (comm_rank(comm) == 0) given_files_check(run, &error);
  comm_settle(comm, &error);
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    run->sources[set] =
        dataset_open(comm, run_data(run, set), set_keys[set], (uint64_t)config->run.seed, &error);
    comm_settle(comm, &error);
    run->shapes[set] = dataset_describe(run->sources[set]);
    run->views[set] = dataset_take_view(run->sources[set]);
  }
  if (run->used[SET_TRAIN] && run->used[SET_TEST] && !config->data.allow_overlap)
    dataset_check_overlap(comm, run->sources[SET_TRAIN], run->sources[SET_TEST], &error);
  if (run->used[SET_VALIDATION] && !config->data.allow_overlap)
    dataset_check_overlap(comm, run->sources[SET_TRAIN], run->sources[SET_VALIDATION], &error);
  comm_settle(comm, &error);
  if (!run->used[SET_TRAIN] && !run->scaled_by_file &&
      (config->data.scale.kind == SCALE_MINMAX || config->data.scale.kind == SCALE_STANDARDISE))
    error_set(&error,
              "data.scale: without training the constants must come from decoder.file, and "
              "%s has none; give a number or none",
              config->decoder.file);
  if (config_makes_copies(config))
    copies_check(&config->training.copies, run->views[SET_TRAIN], &error);
  pod_start_settle(run, &error);
  comm_settle(comm, &error);
  check_decoder(&config->decoder, &error);
  comm_settle(comm, &error);
  run->decoder =
      decoder_layout((size_t)config->decoder.latent, (size_t)config->decoder.layers.count,
                     config->decoder.layers.list, config->decoder.loss);
  check_shapes(run, &error);
  check_channels(run, &error);
  posterior_check(run, &error);
  add_encoder(run, &error);
  check_codes(run, &error);
  comm_settle(comm, &error);
  budget_settle(run, &error);
  comm_settle(comm, &error);
  decoder_allocate(run->decoder);
  if (comm_rank(comm) == 0) run->given_files = given_files_fingerprint(run);
  return run;
}

// How a set is read once the scaling is known.
static struct dataset_rules rules_of(const struct run *run) {
  return (struct dataset_rules){run->config.data.missing, run->scaling, run->config.decoder.loss};
}

// Finds the scaling that data.scale asks for, unless it comes from the decoder file. Collective.
static void find_scaling(struct run *run) {
  struct error error = {""};
  const struct config *config = &run->config;
  if (run->scaled_by_file) return;
  run->scaling =
      dataset_scaling(run->comm, &config->data.scale, run->decoder->n, run->sources[SET_TRAIN],
                      run->views[SET_TRAIN], config->data.missing, &error);
  comm_settle(run->comm, &error);
}

// A number that marks missing entries but never occurs is probably a typing error.
static void warn_of_missing(const struct run *run, int64_t filled) {
  char text[TEXT_NUMBER];
  const struct config_missing *missing = &run->config.data.missing;
  if (missing->kind == MISSING_NUMBER && filled == 0)
    log_warning("data.missing = %s: no entry of the data has this value",
                text_number(missing->value, text));
}

static void load_set(struct run *run, enum set set) {
  struct error error = {""};
  const struct dataset_rules rules = rules_of(run);
  run->sets[set] = dataset_read(run->comm, run->sources[set], &rules, &error);
  comm_settle(run->comm, &error);
  dataset_close(&run->sources[set]);
  run->data_checksum[set] = dataset_checksum(run->comm, run->sets[set]);
}

static void load_predictor(struct run *run) {
  struct error error = {""};
  const char *path = run->config.decoder.file;
  const size_t d = run->decoder->d, n = run->decoder->n;
  if (comm_rank(run->comm) == 0)
    run->predictor = predictor_read(path, d, n, &error);
  else
    run->predictor = predictor_create(d, n);
  comm_settle(run->comm, &error);
  predictor_broadcast(run->predictor, comm_ranks(run->comm));
  run->predictor_checksum = predictor_checksum(run->predictor);
}

// A prior that has been requested needs latents that differ.
static void check_covariance(const struct run *run, struct error *error) {
  const struct config *config = &run->config;
  if (comm_rank(run->comm) != 0 || error_is_set(error)) return;
  if (config->evaluation.prior != PRIOR_GAUSSIAN || config->run.task[TASK_TRAIN]) return;
  dictionary_complete(run->dictionary);
  struct prior *prior = posterior_prior(run->dictionary, 1.0);
  if (prior == NULL)
    error_set(
        error,
        "evaluation.prior = %s: the covariance of the trained latents in decoder.file = %s is "
        "singular or not positive",
        prior_name(PRIOR_GAUSSIAN), config->decoder.file);
  prior_destroy(&prior);
}

static void load_dictionary(struct run *run) {
  struct error error = {""};
  run->dictionary = dictionary_create(run->decoder->d, run->file_dictionary);
  if (comm_rank(run->comm) == 0) dictionary_read(run->config.decoder.file, run->dictionary, &error);
  check_covariance(run, &error);
  comm_settle(run->comm, &error);
  dictionary_broadcast(run->dictionary, comm_ranks(run->comm));
  run->dictionary_checksum = dictionary_checksum(run->dictionary);
}

// Gives the decoder its parameters: random ones, or those of decoder.file. Collective.
static void load_decoder(struct run *run) {
  struct error error = {""};
  const struct config *config = &run->config;
  decoder_initialise(run->decoder, (uint64_t)config->run.seed);
  if (config->decoder.file[0] == '\0') return;
  if (comm_rank(run->comm) == 0) decoder_file_read(config->decoder.file, run->decoder, &error);
  comm_settle(run->comm, &error);
  comm_broadcast(run->comm, run->decoder->theta, run->decoder->count * sizeof(real), 0);
  run->decoder_checksum = checksum(run->decoder->theta, run->decoder->count * sizeof(real), 0);
  decoder_pack(run->decoder);
  const bool *start = config->evaluation.start;
  if (start[START_PREDICTOR] && run->file_predicts) load_predictor(run);
  if (run->file_dictionary > 0 &&
      (start[START_MEAN] || start[START_DICTIONARY] || posterior_is_needed(run)))
    load_dictionary(run);
  if (!config->run.task[TASK_TRAIN])
    run->decoder_checksum += run->predictor_checksum + run->dictionary_checksum;
}

void setup_load(struct run *run) {
  int64_t filled = 0;
  find_scaling(run);
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    load_set(run, set);
    filled += run->sets[set]->filled;
  }
  warn_of_missing(run, filled);
  struct error error = {""};
  validation_hold_out(run, &error);
  comm_settle(run->comm, &error);
  load_decoder(run);
  if (pod_start_wanted(run)) {
    const enum phase before = clock_enter(PHASE_FLOW);
    pod_start_decoder(run);
    clock_enter(before);
  }
  start_check(run, &error);
  comm_settle(run->comm, &error);
}

void setup_survey(struct run *run, struct dataset_survey surveys[SET_COUNT]) {
  struct error error = {""};
  int64_t filled = 0;
  find_scaling(run);
  const struct dataset_rules rules = rules_of(run);
  for (int set = 0; set < SET_COUNT; set++) {
    surveys[set] = (struct dataset_survey){.channels = 0};
    if (!run->used[set]) continue;
    surveys[set] = dataset_survey(run->comm, run->sources[set], &rules,
                                  (size_t)run->views[set]->channels, &error);
    comm_settle(run->comm, &error);
    filled += surveys[set].filled;
  }
  warn_of_missing(run, filled);
  load_decoder(run);
}
