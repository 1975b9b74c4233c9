#include "input/config_check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/decoder.h"
#include "flow/adjoint.h"
#include "ground/text.h"
#include "input/config_fields.h"
#include "input/config_layers.h"
#include "input/config_paths.h"

// ---- tasks and data ----

static bool section_is_given(const struct config_input *input, const char *section) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++)
    if (input->settings[i].node != NULL && strcmp(config_parameter(i).section->name, section) == 0)
      return true;
  return false;
}

// Generated data have no file, and their number is unlimited.
static bool check_generated(const struct config_input *input, const struct data_options *data,
                            const char *section) {
  static const char *const keys[] = {"file",   "dataset", "fields",  "axes", "samples",
                                     "select", "labels",  "weights", "mask"};
  char key[64];
  for (size_t i = 0; i < LENGTH(keys); i++) {
    snprintf(key, sizeof key, "%s.%s", section, keys[i]);
    if (!config_key_is_given(input, key)) continue;
    const struct config_place place = config_place_of(input, key);
    return config_complain(&place, input->error,
                           "cannot be combined with %s.generate = %s; leave one out", section,
                           generator_name(data->generate));
  }
  if (data->count > 0) return true;
  snprintf(key, sizeof key, "%s.count", section);
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error,
                         "must be at least 1: generated data need a given number of samples");
}

// Two keys of a section that are alternative ways of saying the same thing.
static bool exclude(const struct config_input *input, const char *section, const char *one,
                    const char *other, const char *advice) {
  char key[64], beside[64];
  snprintf(key, sizeof key, "%s.%s", section, one);
  snprintf(beside, sizeof beside, "%s.%s", section, other);
  if (!config_key_is_given(input, key) || !config_key_is_given(input, beside)) return true;
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error, "cannot be combined with %s; %s", beside, advice);
}

// A name that must be among data->axes, where these are given.
static bool check_axis(const struct config_input *input, const struct data_options *data,
                       const char *section, const char *item, const char *name) {
  const bool numbers_files = strcmp(item, "samples") == 0 && strcmp(name, CONFIG_FILE_AXIS) == 0;
  if (data->axes.count == 0 || numbers_files || config_names_find(&data->axes, name) >= 0)
    return true;
  const char *names[CONFIG_NAMES];
  char key[64], list[512] = "";
  const size_t count = (size_t)data->axes.count;
  for (size_t i = 0; i < count; i++) names[i] = data->axes.name[i];
  const char *nearest = error_nearest(name, names, count);
  text_append_names(list, sizeof list, names, count);
  snprintf(key, sizeof key, "%s.%s", section, item);
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error, "%s.axes has no %s; give %s%s%s%s", section, name,
                         list, nearest != NULL ? "; did you mean " : "",
                         nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

// What makes up a sample.
static bool check_fields(const struct config_input *input, const struct data_options *data,
                         const char *section) {
  static const char *const ranges[] = {"first", "count", "stride"};
  if (!exclude(input, section, "fields", "dataset", "fields may also name a single dataset"))
    return false;
  const bool differs[] = {data->first != 0, data->count != 0, data->stride != 1};
  for (size_t i = 0; i < LENGTH(ranges); i++)
    if (differs[i] &&
        !exclude(input, section, "select", ranges[i],
                 "select accepts first, count and stride for every axis, including that of the "
                 "samples"))
      return false;
  if (data->axes.count > CONFIG_AXES) {
    char key[64];
    snprintf(key, sizeof key, "%s.axes", section);
    const struct config_place place = config_place_of(input, key);
    return config_complain(&place, input->error, "%lld axes; at most %d are allowed",
                           (long long)data->axes.count, CONFIG_AXES);
  }
  for (int64_t i = 0; i < data->samples.count; i++)
    if (!check_axis(input, data, section, "samples", data->samples.name[i])) return false;
  for (int64_t i = 0; i < data->select.count; i++)
    if (!check_axis(input, data, section, "select", data->select.axis[i].axis)) return false;
  return true;
}

// Entries are left out by a mask or by weights of 0.
static bool check_mask(const struct config_input *input, const struct data_options *data,
                       const char *section) {
  if (data->mask[0] == '\0' || data->weights[0] == '\0') return true;
  char key[64];
  snprintf(key, sizeof key, "%s.mask", section);
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error,
                         "cannot be combined with %s.weights: give weight 0 to entries to be left "
                         "out",
                         section);
}

static bool check_data(const struct config_input *input, const struct config *config,
                       enum task task, const struct data_options *data, const char *section) {
  if (!config->run.task[task]) return true;
  if (data->generate != GENERATE_NONE) return check_generated(input, data, section);
  if (data->file[0] != '\0')
    return check_fields(input, data, section) && check_mask(input, data, section);
  const struct config_place place = {.path = input->path, .key = section};
  return config_complain(&place, input->error,
                         "the task %s needs data; give %s.file or %s.generate", task_name(task),
                         section, section);
}

// Whether an optional section says more than that nothing is wanted.
static bool selects(const struct data_options *data) {
  return config_data_is_given(data) || data->dataset[0] != '\0' || data->labels[0] != '\0' ||
         data->weights[0] != '\0' || data->first > 0 || data->count > 0 ||
         data->classes.count > 0 || data->stride > 1 || data->subset > 0;
}

static bool check_tasks(const struct config_input *input, struct config *config) {
  bool *task = config->run.task;
  if (!config_key_is_given(input, "run.tasks") && !section_is_given(input, "data.test"))
    task[TASK_EVALUATE] = false;
  return check_data(input, config, TASK_TRAIN, &config->data.train, "data.train") &&
         (!selects(&config->data.validation) ||
          check_data(input, config, TASK_TRAIN, &config->data.validation, "data.validation")) &&
         check_data(input, config, TASK_GRADIENT_CHECK, &config->data.train, "data.train") &&
         check_data(input, config, TASK_EVALUATE, &config->data.test, "data.test") &&
         check_data(input, config, TASK_ENCODE, &config->data.encode, "data.encode");
}

// ---- decoder ----

// Values that were not given and are determined by decoder.file.
static void leave_to_file(const struct config_input *input, struct config *config) {
  static const char *const keys[] = {"run.model", "decoder.latent", "decoder.loss"};
  for (size_t i = 0; i < LENGTH(keys); i++)
    if (!config_key_is_given(input, keys[i])) config->given[config_parameter_find(keys[i])] = false;
}

static bool check_decoder(const struct config_input *input, struct config *config) {
  const bool file = config->decoder.file[0] != '\0';
  if (file) leave_to_file(input, config);
  const bool *task = config->run.task;
  if (!file && !task[TASK_TRAIN] && (task[TASK_EVALUATE] || task[TASK_ENCODE])) {
    const struct config_place place = config_place_of(input, "run.tasks");
    return config_complain(&place, input->error,
                           "without the task train, a trained decoder is needed; give "
                           "decoder.file");
  }
  const bool pod = config->run.model == MODEL_POD;
  if (!file && config->decoder.layers.count == 0 && !pod) {
    const struct config_place place = config_place_of(input, "decoder.layers");
    return config_complain(&place, input->error,
                           "must be given, for example [{dense: 300, activation: elu}, {dense: "
                           "784}], unless decoder.file is");
  }
  if (config->decoder.layers.count == 0 || !config_is_given(config, "decoder.latent") || pod)
    return true;
  const struct config_place place = config_place_of(input, "decoder.layers");
  return config_layers_check(&place, (size_t)config->decoder.latent, &config->decoder.layers,
                             input->error);
}

// ---- autoencoder ----

// The encoder leads from the decoder's output to its input. Where decoder.file has them they are
// checked when it is read.
static bool check_encoder_layers(const struct config_input *input, const struct config *config) {
  const struct config_layers *decoder = &config->decoder.layers, *encoder = &config->encoder.layers;
  if (decoder->count == 0 || !config_is_given(config, "decoder.latent")) return true;
  const size_t d = (size_t)config->decoder.latent;
  struct layer_spec mirror[CONFIG_LAYERS];
  if (encoder->count == 0) {
    if (config->decoder.file[0] != '\0' ||
        decoder_mirror(d, (size_t)decoder->count, decoder->list, mirror))
      return true;
    const struct config_place place = config_place_of(input, "run.model");
    return config_complain(&place, input->error,
                           "only a decoder of dense layers has a mirror image; give "
                           "encoder.layers");
  }
  const struct config_place place = config_place_of(input, "encoder.layers");
  const size_t n = network_outputs(d, (size_t)decoder->count, decoder->list);
  if (!config_layers_check(&place, n, encoder, input->error)) return false;
  const size_t outputs = network_outputs(n, (size_t)encoder->count, encoder->list);
  return outputs == d ||
         config_complain(&place, input->error,
                         "the last layer has %zu outputs, but a latent has %zu numbers "
                         "(decoder.latent); they must be equal",
                         outputs, d);
}

// A POD follows from the training samples directly: there are no epochs, and flows that begin at
// its codes have nothing left to do.
static bool check_pod(const struct config_input *input, struct config *config) {
  const bool pod = config->run.model == MODEL_POD && config_is_given(config, "run.model");
  if (config->decoder.file[0] != '\0' && config->run.task[TASK_TRAIN] &&
      (pod || config->decoder.initial == INITIAL_POD)) {
    const struct config_place place = config_place_of(input, pod ? "run.model" : "decoder.initial");
    return config_complain(&place, input->error,
                           "pod is computed from data.train, but decoder.file has a decoder to "
                           "start "
                           "with; leave one out");
  }
  if (pod) config->training.epochs = 0;
  return true;
}

static bool check_model(const struct config_input *input, struct config *config) {
  if (!check_pod(input, config)) return false;
  if (!config_is_given(config, "run.model")) return true;
  if (config->run.model == MODEL_AUTOENCODER) {
    if (config->training.adjoint == ADJOINT_NONE) return check_encoder_layers(input, config);
    const struct config_place place = config_place_of(input, "training.adjoint");
    return config_complain(&place, input->error,
                           "needs run.model = %s: the gradient of an autoencoder goes through its "
                           "encoder, not through a flow",
                           model_name(MODEL_GFE));
  }
  if (!config_key_is_given(input, "encoder.layers")) return true;
  const struct config_place place = config_place_of(input, "encoder.layers");
  return config_complain(&place, input->error, "needs run.model = %s, but that is %s",
                         model_name(MODEL_AUTOENCODER), model_name(config->run.model));
}

// ---- solvers ----

// Complains about a section's key. Always false.
static bool complain(const struct config_input *input, const char *section, const char *name,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
static bool complain(const struct config_input *input, const char *section, const char *name,
                     const char *format, ...) {
  char key[64], text[512];
  snprintf(key, sizeof key, "%s.%s", section, name);
  const struct config_place place = config_place_of(input, key);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return config_complain(&place, input->error, "%s", text);
}

// Appends the solvers for which `fits` is true, as "a, b or c".
static void append_solvers(char *text, size_t size, enum flow_kind flow,
                           bool (*fits)(enum solver_kind kind, enum flow_kind flow)) {
  const char *names[TEXT_NAMES_MAX];
  size_t count = 0;
  for (int kind = 0; solver_name(kind) != NULL; kind++)
    if (fits((enum solver_kind)kind, flow)) names[count++] = solver_name(kind);
  text_append_names(text, size, names, count);
}

static bool follows(enum solver_kind kind, enum flow_kind flow) {
  return solver_find(kind, flow) != NULL;
}

static bool has_adjoint(enum solver_kind kind, enum flow_kind flow) {
  return follows(kind, flow) && !solver_find(kind, flow)->ends_at_minimum;
}

static bool shares_step(enum solver_kind kind, enum flow_kind flow) {
  return follows(kind, flow) && solver_find(kind, flow)->shares_step;
}

static bool check_flow(const struct config_input *input, const struct solver_options *options,
                       const char *section) {
  if (follows(options->solver, options->flow)) return true;
  const bool descends = !has_adjoint(options->solver, FLOW_GRADIENT);
  char solvers[128] = "";
  append_solvers(solvers, sizeof solvers, options->flow, follows);
  return complain(
      input, section, "flow", "cannot be followed by the solver %s%s; set %s.solver to %s",
      solver_name(options->solver),
      descends ? ", which descends to the end of the gradient flow" : "", section, solvers);
}

static bool check_coupling(const struct config_input *input, const struct solver_options *options,
                           const char *section) {
  if (options->coupling == COUPLING_NONE || shares_step(options->solver, options->flow))
    return true;
  if (shares_step(options->solver, FLOW_GRADIENT))
    return complain(input, section, "coupling", "needs %s.flow = %s, but that is %s", section,
                    flow_name(FLOW_GRADIENT), flow_name(options->flow));
  char solvers[128] = "";
  append_solvers(solvers, sizeof solvers, FLOW_GRADIENT, shares_step);
  return complain(input, section, "coupling", "needs %s.solver = %s, but that is %s", section,
                  solvers, solver_name(options->solver));
}

// The derivative through the flow needs a flow in which each sample has its own steps.
static bool check_adjoint(const struct config_input *input, const struct config *config) {
  const struct solver_options *encoding = &config->encoding;
  if (config->training.adjoint == ADJOINT_NONE || !config->run.task[TASK_TRAIN]) return true;
  if (!has_adjoint(encoding->solver, encoding->flow)) {
    char solvers[128] = "";
    append_solvers(solvers, sizeof solvers, encoding->flow, has_adjoint);
    return complain(input, "training", "adjoint",
                    "cannot be combined with encoding.solver = %s: it ends at a minimum, where the "
                    "adjoint's term vanishes; use adjoint none, or the solver %s",
                    solver_name(encoding->solver), solvers);
  }
  if (encoding->root_loss)
    return complain(input, "training", "adjoint",
                    "needs encoding.root_loss = false: it exists only for the loss itself");
  if (encoding->coupling == COUPLING_BATCH)
    return complain(input, "training", "adjoint",
                    "needs encoding.coupling = none: a shared step depends on the whole batch");
  return true;
}

// A second flow of a sample competes with the one from its last latent.
static bool check_second_flow(const struct config_input *input, const struct config *config) {
  const bool given =
      config_key_is_given(input, "training.second_flow") && config->training.second_flow > 0;
  if (!given || config->run.model != MODEL_GFE || !config->run.task[TASK_TRAIN]) return true;
  const char *lacks = !config->training.warm_start                 ? "training.warm_start = true"
                      : config->training.adjoint != ADJOINT_NONE   ? "training.adjoint = none"
                      : config->encoding.coupling != COUPLING_NONE ? "encoding.coupling = none"
                                                                   : NULL;
  return lacks == NULL ||
         complain(input, "training", "second_flow", "needs %s, unless it is 0", lacks);
}

static bool check_metric(const struct config_input *input, const struct config *config) {
  const bool given = config_key_is_given(input, "training.metric") && config->training.metric;
  if (!given || config->run.model == MODEL_AUTOENCODER || !config->run.task[TASK_TRAIN] ||
      solver_ops(&config->encoding)->takes_metric)
    return true;
  return complain(input, "training", "metric", "needs encoding.solver = lbfgs, unless it is false");
}

// A guess for each sample's own flow.
static bool check_start(const struct config_input *input, const struct config *config) {
  const bool *start = config->evaluation.start;
  const bool coupled = config->evaluation.solver.coupling != COUPLING_NONE;
  int other = START_ZERO + 1;
  if (coupled && config->evaluation.tries > 1)
    return complain(input, "evaluation", "tries",
                    "%lld needs evaluation.coupling = none: flows that share a step are run only "
                    "once",
                    (long long)config->evaluation.tries);
  while (other < START_COUNT && !start[other]) other++;
  if (other == START_COUNT || !coupled) return true;
  return complain(input, "evaluation", "start",
                  "%s needs evaluation.coupling = none, but that is %s", start_name(other),
                  solver_coupling_name(config->evaluation.solver.coupling));
}

// POD is of the training samples.
static bool check_comparison(const struct config_input *input, const struct config *config) {
  if (!config->evaluation.pod || config_section_is_used(config, "data.train")) return true;
  return complain(input, "evaluation", "pod",
                  "POD is computed from the training samples, which only the task %s reads; leave "
                  "it out",
                  task_name(TASK_TRAIN));
}

static bool check_steps(const struct config_input *input, const struct solver_options *options,
                        const char *section) {
  const bool ordered = options->h_min <= options->h0 && options->h0 <= options->h_max;
  if (ordered || !solver_ops(options)->controls_step) return true;
  const char *const names[] = {"h0", "h_min", "h_max"};
  char key[64], h0[TEXT_NUMBER], h_min[TEXT_NUMBER], h_max[TEXT_NUMBER];
  for (size_t i = 0; i < 3; i++) {
    snprintf(key, sizeof key, "%s.%s", section, names[i]);
    if (config_key_is_given(input, key)) break;
  }
  const struct config_place place = config_place_of(input, key);
  return config_complain(&place, input->error,
                         "%s needs h_min <= h0 <= h_max in %s; they are %s, %s and %s",
                         solver_name(options->solver), section, text_number(options->h_min, h_min),
                         text_number(options->h0, h0), text_number(options->h_max, h_max));
}

static bool check_solver(const struct config_input *input, const struct solver_options *options,
                         const char *section) {
  return check_flow(input, options, section) && check_coupling(input, options, section) &&
         check_steps(input, options, section);
}

// ---- validation ----

static bool check_folds(const struct config_input *input, const struct config *config) {
  const double folds = (double)config->training.folds, share = config->training.validation;
  if (folds <= 1.0) return true;
  if (share <= 0.0)
    return complain(input, "training", "folds",
                    "needs a share of data.train to hold out: give training.validation, such as "
                    "%.3g",
                    1.0 / folds);
  if (folds * share > 1.0 + 1e-9)
    return complain(input, "training", "folds",
                    "more than all samples would be held out: give training.validation <= %.3g, or "
                    "folds <= %lld",
                    1.0 / folds, (long long)(1.0 / share + 1e-9));
  if (!config->training.refit)
    return complain(input, "training", "folds",
                    "each fold trains its decoder on only some of the samples: give "
                    "training.refit: true, which trains the one to keep on all of them");
  if (config->training.keep != KEEP_BEST || config->training.patience > 0)
    return complain(input, "training", "folds",
                    "the mean over all folds is needed after each pass: leave out "
                    "training.patience, and training.keep: last");
  return true;
}

// Keys that need validation, and how to enable it.
static bool check_validation(const struct config_input *input, struct config *config) {
  static const char *const hint =
      "needs validation during training: give training.validation (a share of data.train) or "
      "data.validation";
  const bool validates = config_validates(config);
  if (!config->run.task[TASK_TRAIN]) return true;
  if (validates && config->training.validation > 0.0 &&
      config_data_is_given(&config->data.validation))
    return complain(input, "training", "validation",
                    "cannot be combined with data.validation, which is a separate set; leave one "
                    "out");
  if (!config_key_is_given(input, "training.keep") && validates) config->training.keep = KEEP_BEST;
  if (!check_folds(input, config)) return false;
  if (validates) return true;
  if (config->training.keep == KEEP_BEST) return complain(input, "training", "keep", "%s", hint);
  if (config->training.patience > 0) return complain(input, "training", "patience", "%s", hint);
  return !config->training.refit || complain(input, "training", "refit", "%s", hint);
}

bool config_check(const struct config_input *input, struct config *config) {
  return check_tasks(input, config) && check_decoder(input, config) && check_model(input, config) &&
         check_solver(input, &config->encoding, "encoding") &&
         check_solver(input, &config->evaluation.solver, "evaluation") &&
         check_adjoint(input, config) && check_second_flow(input, config) &&
         check_metric(input, config) && check_start(input, config) &&
         check_validation(input, config) && check_comparison(input, config) &&
         config_check_copies(input, config) && config_check_recipe(input, config) &&
         config_paths_settle(input, config);
}
