#include "files/output.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/loss.h"
#include "engine/budget.h"
#include "files/decoder_file.h"
#include "files/dictionary_file.h"
#include "files/partial.h"
#include "files/predictor_file.h"
#include "files/summary.h"
#include "ground/directory.h"
#include "ground/durable.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_compare.h"
#include "input/config_write.h"
#include "numerics/isa.h"
#include "platform/h5.h"

static FILE *open_text(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) error_fatal("cannot write %s: %s", path, strerror(errno));
  return file;
}

static void close_text(FILE *file, const char *path) {
  const bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) error_fatal("cannot write %s: %s", path, strerror(errno));
}

void output_begin(const struct run *run) {
  char *partial = partial_path(run->comm, run->config.run.directory, "used_parameters.yaml");
  if (comm_rank(run->comm) == 0) {
    partial_clean(run->config.run.directory);
    char *path = directory_path(run->config.run.directory, "used_parameters.yaml");
    FILE *file = open_text(partial);
    config_write(&run->config, file);
    close_text(file, partial);
    durable_put(partial, path);
    memory_free(&path);
  }
  memory_free(&partial);
  comm_barrier(run->comm);
}

enum { GROUP = 24, PATH = 96 };

// ---- fields of a state as datasets ----

enum h5_type output_type(enum state_type type) {
  static const enum h5_type types[] = {[STATE_REAL] = H5_REAL,
                                       [STATE_DOUBLE] = H5_DOUBLE,
                                       [STATE_INT64] = H5_INT64,
                                       [STATE_INT8] = H5_INT8};
  return types[type];
}

// Names of values, as CF has them: flag_values and flag_meanings.
static void declare_value_names(struct h5_file *file, const char *path,
                                const char *(*value_name)(int value)) {
  char values[64] = "", meanings[128] = "";
  for (int value = 0; value_name(value) != NULL; value++) {
    const char *space = value > 0 ? " " : "";
    snprintf(values + strlen(values), sizeof values - strlen(values), "%s%d", space, value);
    snprintf(meanings + strlen(meanings), sizeof meanings - strlen(meanings), "%s%s", space,
             value_name(value));
  }
  h5_write_text(file, path, "flag_values", values);
  h5_write_text(file, path, "flag_meanings", meanings);
}

// A dataset in a group that is there, with its dimensions.
static void declare_field(struct h5_file *file, const struct state_field *field) {
  char group[PATH], path[PATH];
  snprintf(group, sizeof group, "/%s", field->group);
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  h5_dataset(file, group, field->name, output_type(field->type), field->components == NULL ? 1 : 2,
             (const char *const[]){field->dimension, field->components},
             field->unit == NULL ? "1" : field->unit, field->text);
  if (field->value_name != NULL) declare_value_names(file, path, field->value_name);
}

// Writes this rank's rows.
static void write_field(struct h5_file *file, const struct state_field *field) {
  char path[PATH], *rows = memory_new(char, (size_t)field->count *state_row_bytes(field));
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  state_pack(field, 0, field->count, rows);
  h5_write_rows(file, path, output_type(field->type), field->first, field->count, rows);
  memory_free(&rows);
}

// ---- one group per data set ----

static int64_t shown_count(const struct run *run, enum set set) {
  const int64_t wanted = run->config.output.reconstructions, count = run->shapes[set].count;
  return wanted < count ? wanted : count;
}

static bool has_weights(const struct run *run, enum set set) { return run->sets[set]->w != NULL; }

static void declare_images(const struct run *run, enum set set, struct h5_file *file,
                           const char *group) {
  const struct dataset_shape *shape = &run->shapes[set];
  char names[DATASET_AXES][16];
  const char *dimensions[H5_AXES] = {"shown"};
  h5_dimension(file, group, "shown", shown_count(run, set));
  for (int i = 0; i < shape->axes; i++) {
    snprintf(names[i], sizeof names[i], "axis_%d", i);
    h5_dimension(file, group, names[i], shape->shape[i]);
    dimensions[i + 1] = names[i];
  }
  const int axes = shape->axes + 1;
  const char *output = loss_ops(run->decoder->loss)->output_text;
  char text[160];
  snprintf(text, sizeof text,
           "first samples as decoded from their latents, in the decoder's scaled units%s%s",
           output != NULL ? ": " : "", output != NULL ? output : "");
  h5_dataset(file, group, "reconstruction", H5_REAL, axes, dimensions, "1", text);
  h5_dataset(file, group, "target", H5_REAL, axes, dimensions, "1",
             "the same samples as given, scaled");
  if (has_weights(run, set))
    h5_dataset(file, group, "weight", H5_REAL, axes, dimensions, "1",
               "weight of each entry in the loss, 0 where it was not observed");
}

// Those of training samples encoded as if they were new (NULL: of none) stand beside the others.
static void list_columns(const struct evaluation *evaluation, const struct evaluation *as_new,
                         struct state *columns) {
  evaluation_columns(evaluation, columns);
  if (as_new != NULL && evaluation->set == as_new->set) evaluation_columns(as_new, columns);
}

static void declare_set(const struct run *run, const struct evaluation *evaluation,
                        const struct evaluation *as_new, struct h5_file *file) {
  const enum set set = evaluation->set;
  const struct data_options *options = run_data(run, set);
  char group[GROUP];
  snprintf(group, sizeof group, "/%s", set_name(set));
  h5_group(file, group, "samples encoded with the decoder of this file");
  h5_write_text(
      file, group, "file",
      options->generate != GENERATE_NONE ? generator_name(options->generate) : options->file);
  h5_write_text(file, group, "dataset", options->dataset);
  h5_write_number(file, group, "mean_loss", evaluation->loss);
  h5_dimension(file, group, "sample", run->shapes[set].count);
  h5_dimension(file, group, "latent", (int64_t)run->decoder->d);
  if (evaluation->by_encoder != NULL)
    h5_write_number(file, group, "mean_loss_encoder", evaluation->loss_encoder);
  struct state columns = {.count = 0};
  list_columns(evaluation, as_new, &columns);
  for (size_t f = 0; f < columns.count; f++) declare_field(file, &columns.fields[f]);
  declare_images(run, set, file, group);
}

// Rows of a sample's entries, of which this rank has `count` from `first` on.
static void write_entries(struct h5_file *file, enum set set, const char *name, int64_t first,
                          int64_t count, size_t n, const real *rows) {
  const struct state_field field = {.group = set_name(set),
                                    .name = name,
                                    .type = STATE_REAL,
                                    .data = (void *)rows,
                                    .first = first,
                                    .count = count,
                                    .width = n,
                                    .stride = real_padded(n) * sizeof *rows};
  write_field(file, &field);
}

static void write_images(const struct run *run, const struct evaluation *evaluation,
                         struct h5_file *file) {
  const enum set set = evaluation->set;
  const struct dataset *data = run->sets[set];
  const int64_t left = shown_count(run, set) - data->local_first;
  const int64_t count = left < 0 ? 0 : left < data->local_count ? left : data->local_count;
  const int64_t first = count > 0 ? data->local_first : 0;
  real *images = evaluation_decode(run, evaluation, count);
  write_entries(file, set, "reconstruction", first, count, data->n, images);
  write_entries(file, set, "target", first, count, data->n, data->y);
  if (has_weights(run, set)) write_entries(file, set, "weight", first, count, data->n, data->w);
  memory_free(&images);
}

static void write_set(const struct run *run, const struct evaluation *evaluation,
                      const struct evaluation *as_new, struct h5_file *file) {
  struct state columns = {.count = 0};
  list_columns(evaluation, as_new, &columns);
  for (size_t f = 0; f < columns.count; f++) write_field(file, &columns.fields[f]);
  write_images(run, evaluation, file);
}

// ---- history ----

static void declare_history(const struct outcome *outcome, struct h5_file *file) {
  struct history *history = outcome->history;
  h5_group(file, "/history", "course of the training, per step and per epoch");
  if (outcome->choice != NULL) {
    h5_write_integer(file, "/history", "kept_epoch", outcome->choice->kept);
    h5_write_number(file, "/history", "kept_validation_loss", outcome->choice->kept_loss);
    h5_write_number(file, "/history", "start_validation_loss", outcome->choice->start);
  }
  for (int s = 0; s < HISTORY_SERIES; s++) {
    const struct history_series series = history_series(history, s);
    h5_dimension(file, "/history", series.dimension, series.count);
  }
  struct state state = {.count = 0};
  history_state(history, 0, &state);
  for (size_t f = 0; f < state.count; f++) declare_field(file, &state.fields[f]);
}

static void write_history(struct history *history, struct h5_file *file, int rank) {
  struct state state = {.count = 0};
  history_state(history, rank, &state);
  for (size_t f = 0; f < state.count; f++) write_field(file, &state.fields[f]);
}

// ---- gradient check ----

static void declare_gradient(struct h5_file *file, const char *group,
                             const struct network *network) {
  h5_group(file, group, "dL/dtheta of the mean loss of the samples checked");
  for (size_t l = 0; l < network->layer_count; l++)
    if (network->layers[l].weight_count > 0)
      decoder_file_declare_layer(file, group, &network->layers[l], "gradient of one layer");
}

static void declare_check(const struct run *run, const struct gradient_check *check,
                          struct h5_file *file) {
  const char *const kind_step[] = {"kind", "step"};
  char names[128] = "";
  for (int kind = 0; kind < check->kinds; kind++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", kind > 0 ? "; " : "",
             gradient_check_name(check, kind));
  h5_group(file, "/gradient_check", "Taylor tests of gradients along random directions");
  h5_write_text(file, "/gradient_check", "kinds", names);
  h5_write_integer(file, "/gradient_check", "count", check->count);
  h5_dimension(file, "/gradient_check", "kind", check->kinds);
  h5_dimension(file, "/gradient_check", "step", TAYLOR_STEPS);
  h5_dataset(file, "/gradient_check", "h", H5_DOUBLE, 2, kind_step, "1", "length of the step");
  h5_dataset(file, "/gradient_check", "remainder", H5_DOUBLE, 2, kind_step, "1",
             "|f(h) - f(0) - h f'| of the mean loss f");
  h5_dataset(file, "/gradient_check", "slope", H5_DOUBLE, 1, kind_step, "1",
             "of log remainder against log h; 2 for the right gradient");
  declare_gradient(file, "/gradient", run->decoder->network);
  if (run->decoder->encoder != NULL)
    declare_gradient(file, "/gradient_encoder", run->decoder->encoder);
}

static void write_check(const struct run *run, const struct gradient_check *check,
                        struct h5_file *file) {
  const int rank = comm_rank(run->comm);
  double h[GRADIENT_KINDS][TAYLOR_STEPS], remainder[GRADIENT_KINDS][TAYLOR_STEPS];
  double slope[GRADIENT_KINDS];
  for (int kind = 0; kind < check->kinds; kind++) {
    memcpy(h[kind], check->taylor[kind].h, sizeof h[kind]);
    memcpy(remainder[kind], check->taylor[kind].remainder, sizeof remainder[kind]);
    slope[kind] = check->taylor[kind].slope;
  }
  const int64_t kinds = rank == 0 ? check->kinds : 0;
  h5_write_rows(file, "/gradient_check/h", H5_DOUBLE, 0, kinds, h);
  h5_write_rows(file, "/gradient_check/remainder", H5_DOUBLE, 0, kinds, remainder);
  h5_write_rows(file, "/gradient_check/slope", H5_DOUBLE, 0, kinds, slope);
  decoder_file_write(file, "/gradient", run->decoder->network, check->gradient, rank);
  if (run->decoder->encoder != NULL)
    decoder_file_write(file, "/gradient_encoder", run->decoder->encoder, check->gradient, rank);
}

// ---- the whole file ----

void output_provenance(const struct run *run, struct h5_file *file, const char *command) {
  char libraries[512], *input = NULL;
  size_t size = 0;
  snprintf(libraries, sizeof libraries, "%s; %s", comm_library(), h5_library());
  FILE *text = open_memstream(&input, &size);
  if (text == NULL) error_fatal("out of memory");
  config_write(&run->config, text);
  fclose(text);
  const struct provenance_entry *entry = provenance_entries(
      command, libraries, isa_name((int)isa_chosen()), comm_size(run->comm), input);
  for (; entry->name != NULL; entry++) h5_write_text(file, "/", entry->name, entry->value);
  free(input);
}

// How the work was cut into tiles and rows of products: gfe_scaling.py predicts other runs from it.
static void write_layout(const struct run *run, struct h5_file *file) {
  const struct tile_limits limits = budget_tile_limits(run->decoder);
  const struct {
    const char *name;
    int64_t value;
  } entries[] = {
      {"samples_per_tile", run->tile},
      {"samples_per_tile_least", limits.least},
      {"samples_per_tile_most", limits.most},
      {"tiles_per_batch", TILES_PER_BATCH},
      {"rows_per_product", 1},  // or a multiple of it
      {"rows_per_product_most", (int64_t)run->evaluation_rows},
  };
  for (size_t k = 0; k < sizeof entries / sizeof *entries; k++)
    h5_write_integer(file, "/", entries[k].name, entries[k].value);
}

static void shape_text(const struct run *run, char *text, size_t size) {
  text[0] = '\0';
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    for (int i = 0; i < run->shapes[set].axes; i++)
      snprintf(text + strlen(text), size - strlen(text), "%s%lld", i > 0 ? " " : "",
               (long long)run->shapes[set].shape[i]);
    return;
  }
}

void output_results(struct run *run, const struct outcome *outcome, const char *command) {
  struct evaluation *const *evaluations = outcome->evaluations;
  struct history *history = outcome->history;
  const int rank = comm_rank(run->comm);
  char *path = directory_path(run->config.run.directory, "results.h5"),
       *partial = partial_path(run->comm, run->config.run.directory, "results.h5");
  error_remove_on_failure(partial);
  if (rank == 0) {
    char shape[128];
    shape_text(run, shape, sizeof shape);
    struct h5_file *file = h5_create(partial, 0);
    output_provenance(run, file, command);
    write_layout(run, file);
    decoder_file_declare(file, run->decoder, run->scaling, shape);
    if (run->config.run.model == MODEL_POD)
      h5_write_text(file, "/decoder", "model", model_name(MODEL_POD));
    if (run->predictor != NULL) predictor_declare(file, run->predictor);
    if (run->dictionary != NULL) dictionary_declare(file, run->dictionary);
    declare_history(outcome, file);
    if (outcome->check != NULL) declare_check(run, outcome->check, file);
    for (int set = 0; set < SET_COUNT; set++)
      if (evaluations[set] != NULL) declare_set(run, evaluations[set], outcome->as_new, file);
    h5_close(&file);
  }
  comm_barrier(run->comm);
  struct h5_file *file = h5_open_parallel(partial, run->comm);
  decoder_file_write(file, "/decoder", run->decoder->network, run->decoder->theta, rank);
  decoder_file_write_scaling(file, run->scaling, rank);
  if (run->decoder->encoder != NULL)
    decoder_file_write(file, "/encoder", run->decoder->encoder, run->decoder->theta, rank);
  if (run->predictor != NULL) predictor_write(file, run->predictor, rank);
  if (run->dictionary != NULL) dictionary_write(file, run->dictionary, rank);
  write_history(history, file, rank);
  if (outcome->check != NULL) write_check(run, outcome->check, file);
  for (int set = 0; set < SET_COUNT; set++)
    if (evaluations[set] != NULL) write_set(run, evaluations[set], outcome->as_new, file);
  h5_close(&file);
  comm_barrier(run->comm);
  if (rank == 0) durable_put(partial, path);
  error_remove_on_failure(NULL);
  memory_free(&path);
  memory_free(&partial);
}

// ---- summary.json ----

double outcome_as_new(const struct outcome *outcome) {
  const struct evaluation *trained = outcome->evaluations[SET_TRAIN], *as_new = outcome->as_new;
  return trained != NULL && as_new != NULL && trained->loss > 0.0 ? as_new->loss / trained->loss
                                                                  : NAN;
}

static void write_number(FILE *file, const char *name, double value) {
  if (isfinite(value))
    fprintf(file, "  \"%s\": %.17g,\n", name, value);
  else
    fprintf(file, "  \"%s\": null,\n", name);
}

// Which decoder of a training that validates is kept.
static void write_choice(FILE *file, const struct validation_choice *choice) {
  fprintf(file, "  \"kept_epoch\": %lld,\n", (long long)choice->kept);
  write_number(file, "kept_validation_loss", choice->kept_loss);
  write_number(file, "start_validation_loss", choice->start);
}

// What was read, and what was made of it: another start compares them (summary.h).
static void write_checksums(FILE *file, const struct run *run) {
  const char *format = "  \"%s%s\": \"%016" PRIx64 "\",\n";
  fprintf(file, format, "given_files", "", run->given_files);
  fprintf(file, format, "decoder_file", "_checksum", run->decoder_checksum);
  for (int set = 0; set < SET_COUNT; set++)
    fprintf(file, format, set_name(set), "_checksum", run->data_checksum[set]);
  fprintf(file, "  \"results_bytes\": %" PRId64 ",\n",
          summary_results_bytes(run->config.run.directory));
}

bool output_opens(const struct run *run) {
  struct error ignored = {""};
  char *path = directory_path(run->config.run.directory, "results.h5");
  struct h5_file *file = h5_open(path, "results.h5", &ignored);
  const bool opens = file != NULL;
  h5_close(&file);
  memory_free(&path);
  return opens;
}

static void write_summary(const struct run *run, const struct outcome *outcome, double seconds,
                          const char *exit_reason, const char *partial) {
  struct evaluation *const *evaluations = outcome->evaluations;
  const struct history *history = outcome->history;
  char *path = directory_path(run->config.run.directory, "summary.json");
  FILE *file = open_text(partial);
  fprintf(file, "{\n");
  for (int set = 0; set < SET_COUNT; set++) {
    const struct evaluation *evaluation = evaluations[set];
    char name[64];
    snprintf(name, sizeof name, "%s_loss", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : evaluation->loss);
    snprintf(name, sizeof name, "%s_loss_encoder", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : evaluation->loss_encoder);
    snprintf(name, sizeof name, "%s_evaluations_mean", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : tally_mean(&evaluation->tally));
    snprintf(name, sizeof name, "%s_not_converged", set_name(set));
    write_number(file, name,
                 evaluation == NULL ? NAN : (double)tally_not_converged(&evaluation->tally));
  }
  write_number(file, "train_loss_as_new_over_trained", outcome_as_new(outcome));
  fprintf(file, "  \"steps\": %lld,\n  \"epochs\": %lld,\n", (long long)history_steps(history),
          (long long)history_epochs(history));
  if (outcome->choice != NULL) write_choice(file, outcome->choice);
  write_number(file, "seconds", seconds);
  const int64_t epochs = history_epochs(history);
  write_number(file, "training_seconds",
               epochs > 0 ? history_epoch(history, epochs - 1)->seconds : 0.0);
  write_number(file, "training_cpu_seconds",
               epochs > 0 ? history_epoch(history, epochs - 1)->cpu_seconds : 0.0);
  write_checksums(file, run);
  fprintf(file, "  \"ranks\": %d,\n  \"config_hash\": \"%016" PRIx64 "\",\n", comm_size(run->comm),
          config_hash(&run->config));
  fprintf(file, "  \"exit_reason\": \"%s\"\n}\n", exit_reason);
  close_text(file, partial);
  durable_put(partial, path);
  memory_free(&path);
}

void output_summary(const struct run *run, const struct outcome *outcome, double seconds,
                    const char *exit_reason) {
  char *partial = partial_path(run->comm, run->config.run.directory, "summary.json");
  if (comm_rank(run->comm) == 0) write_summary(run, outcome, seconds, exit_reason, partial);
  memory_free(&partial);
}
