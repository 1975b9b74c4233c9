#include "files/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/budget.h"
#include "files/decoder_file.h"
#include "files/dictionary_file.h"
#include "files/output_internal.h"
#include "files/partial.h"
#include "files/predictor_file.h"
#include "ground/directory.h"
#include "ground/durable.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_write.h"
#include "numerics/isa.h"
#include "platform/h5.h"

FILE *output_open_text(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) error_fatal("cannot write %s: %s", path, strerror(errno));
  return file;
}

void output_close_text(FILE *file, const char *path) {
  const bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) error_fatal("cannot write %s: %s", path, strerror(errno));
}

void output_begin(const struct run *run) {
  char *partial = partial_path(run->comm, run->config.run.directory, "used_parameters.yaml");
  if (comm_rank(run->comm) == 0) {
    partial_clean(run->config.run.directory);
    char *path = directory_path(run->config.run.directory, "used_parameters.yaml");
    FILE *file = output_open_text(partial);
    config_write(&run->config, file);
    output_close_text(file, partial);
    durable_put(partial, path);
    memory_free(&path);
  }
  memory_free(&partial);
  comm_barrier(run->comm);
}

enum { PATH = 96 };

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

void output_declare_field(struct h5_file *file, const struct state_field *field) {
  char group[PATH], path[PATH];
  snprintf(group, sizeof group, "/%s", field->group);
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  h5_dataset(file, group, field->name, output_type(field->type), field->components == NULL ? 1 : 2,
             (const char *const[]){field->dimension, field->components},
             field->unit == NULL ? "1" : field->unit, field->text);
  if (field->value_name != NULL) declare_value_names(file, path, field->value_name);
}

void output_write_field(struct h5_file *file, const struct state_field *field) {
  char path[PATH], *rows = memory_new(char, (size_t)field->count *state_row_bytes(field));
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  state_pack(field, 0, field->count, rows);
  h5_write_rows(file, path, output_type(field->type), field->first, field->count, rows);
  memory_free(&rows);
}

// ---- history ----

static void declare_history(const struct outcome *outcome, struct h5_file *file) {
  struct history *history = outcome->history;
  h5_group(file, "/history", "training history, per step and per epoch");
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
  for (size_t f = 0; f < state.count; f++) output_declare_field(file, &state.fields[f]);
}

static void write_history(struct history *history, struct h5_file *file, int rank) {
  struct state state = {.count = 0};
  history_state(history, rank, &state);
  for (size_t f = 0; f < state.count; f++) output_write_field(file, &state.fields[f]);
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
    if (run->dictionary != NULL) dictionary_declare(file, run->dictionary, run_held_out_loss(run));
    declare_history(outcome, file);
    if (outcome->check != NULL) declare_check(run, outcome->check, file);
    for (int set = 0; set < SET_COUNT; set++)
      if (evaluations[set] != NULL)
        output_declare_set(run, evaluations[set], outcome->as_new, file);
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
    if (evaluations[set] != NULL) output_write_set(run, evaluations[set], outcome->as_new, file);
  h5_close(&file);
  comm_barrier(run->comm);
  if (rank == 0) durable_put(partial, path);
  error_remove_on_failure(NULL);
  memory_free(&path);
  memory_free(&partial);
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
