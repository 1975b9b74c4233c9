// The group of an encoded set in results.h5: columns, errors, and the first samples with their
// reconstructions, in the data's own units and on the axes of the view.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/errors.h"
#include "files/output_internal.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "platform/h5.h"

enum {
  GROUP = 24,            // bytes of "/encode"
  NAME = 2 * VIEW_TEXT,  // of a dataset's name
  PATH = GROUP + NAME + 1,
  TEXT = 512
};

static void group_of(const struct evaluation *evaluation, char group[GROUP]) {
  snprintf(group, GROUP, "/%s", set_name(evaluation->set));
}

static void path_of(const struct evaluation *evaluation, const char *name, char path[PATH]) {
  snprintf(path, PATH, "/%s/%s", set_name(evaluation->set), name);
}

// ---- names ----

// An axis has the same name as in the view, followed by "_axis" if something else in the group has
// it.
static void name_axis(struct h5_file *file, const struct evaluation *evaluation, const char *axis,
                      char name[NAME]) {
  static const char *const reserved[] = {
      "shown",        "channel", "reconstruction",     "reconstruction_std",
      "target",       "weight",  "pod_reconstruction", "posterior_mean",
      "posterior_std"};
  char path[PATH];
  snprintf(name, NAME, "%s", axis);
  for (char *c = name; *c != '\0'; c++)
    if (*c == '/' || *c == ' ') *c = '_';
  for (bool taken = true; taken;) {
    path_of(evaluation, name, path);
    taken = name[0] == '\0' || h5_exists(file, path);
    for (size_t k = 0; k < LENGTH(reserved); k++) taken = taken || strcmp(name, reserved[k]) == 0;
    if (taken && strlen(name) + sizeof "_axis" > NAME) error_fatal("no name for an axis %s", axis);
    if (taken) strcat(name, "_axis");
  }
}

static const char *unit_or_one(const char *units) { return units[0] != '\0' ? units : "1"; }

static void write_standard_name(struct h5_file *file, const char *path, const char *name) {
  if (name[0] != '\0') h5_write_text(file, path, "standard_name", name);
}

// ---- the place of a sample on the axes that number the samples ----

static bool is_grid(const struct view *view, int64_t samples) {
  int64_t places = 1;
  for (int a = 0; a < view->numbering_axes; a++) places *= view->numbering[a].length;
  return places == samples;
}

// Whether the place of a sample says more about it than its index.
static bool has_places(const struct run *run, enum set set) {
  const struct view *view = run->views[set];
  return is_grid(view, run->shapes[set].count) &&
         (view->numbering_axes > 1 ||
          (view->numbering_axes == 1 && view->numbering[0].coordinates != NULL));
}

// The names of the columns, which the group's attribute `numbering` lists.
static void declare_places(const struct run *run, const struct evaluation *evaluation,
                           struct h5_file *file) {
  const struct view *view = run->views[evaluation->set];
  char group[GROUP], path[PATH], list[TEXT] = "";
  const char *const sample[] = {"sample"};
  group_of(evaluation, group);
  for (int a = 0; a < view->numbering_axes; a++) {
    const struct view_axis *axis = &view->numbering[a];
    char name[NAME], value[NAME], text[TEXT];
    name_axis(file, evaluation, axis->name, name);
    snprintf(text, sizeof text, "place of the sample along %s in the data", axis->name);
    h5_dataset(file, group, name, H5_INT64, 1, sample, "1", text);
    text_append(list, sizeof list, "%s%s", a > 0 ? " " : "", name);
    if (axis->coordinates == NULL) continue;
    snprintf(value, sizeof value, "%.*s_value", NAME - 16, name);
    snprintf(text, sizeof text, "%s of the sample", axis->name);
    h5_dataset(file, group, value, H5_DOUBLE, 1, sample, unit_or_one(axis->units), text);
    path_of(evaluation, value, path);
    write_standard_name(file, path, axis->standard_name);
  }
  h5_write_text(file, group, "numbering", list);
}

// Writes the column `name` of a place, and the one of its coordinate if there is one.
static void write_places_of(const struct run *run, const struct evaluation *evaluation,
                            struct h5_file *file, int a, const char *name) {
  const struct view *view = run->views[evaluation->set];
  const struct view_axis *axis = &view->numbering[a];
  const struct dataset *data = run->sets[evaluation->set];
  char path[PATH];
  int64_t inner = 1, *place = memory_new(int64_t, data->local_count);
  double *value = memory_new(double, data->local_count);
  for (int later = a + 1; later < view->numbering_axes; later++)
    inner *= view->numbering[later].length;
  for (int64_t i = 0; i < data->local_count; i++) {
    const int64_t taken = (data->local_first + i) / inner % axis->length;
    place[i] = axis->first + taken * axis->stride;
    if (axis->coordinates != NULL) value[i] = axis->coordinates[taken];
  }
  path_of(evaluation, name, path);
  h5_write_rows(file, path, H5_INT64, data->local_first, data->local_count, place);
  snprintf(path + strlen(path), sizeof path - strlen(path), "_value");
  if (axis->coordinates != NULL)
    h5_write_rows(file, path, H5_DOUBLE, data->local_first, data->local_count, value);
  memory_free(&place);
  memory_free(&value);
}

static void write_places(const struct run *run, const struct evaluation *evaluation,
                         struct h5_file *file) {
  char group[GROUP], list[TEXT] = "", *rest = list;
  group_of(evaluation, group);
  if (!h5_read_text(file, group, "numbering", list, sizeof list))
    error_fatal("cannot read the names of a set's axes");
  for (int a = 0; a < run->views[evaluation->set]->numbering_axes; a++)
    write_places_of(run, evaluation, file, a, strsep(&rest, " "));
}

// ---- errors ----

static void write_errors(const struct errors *errors, enum errors_source source,
                         struct h5_file *file, const char *group) {
  char name[NAME];
  for (int number = 0; number < ERRORS_NUMBERS; number++) {
    snprintf(name, sizeof name, "%s%s", errors_prefix(source), errors_name(number));
    h5_write_number(file, group, name, errors->number[number]);
  }
  snprintf(name, sizeof name, "%srelative_l2_channel", errors_prefix(source));
  h5_write_numbers(file, group, name, errors->channels, errors->channel_relative);
  snprintf(name, sizeof name, "%smax_error_channel", errors_prefix(source));
  h5_write_numbers(file, group, name, errors->channels, errors->channel_max);
}

// ---- the first samples ----

static int64_t shown_count(const struct run *run, enum set set) {
  const int64_t wanted = run->config.output.reconstructions, count = run->shapes[set].count;
  return wanted < count ? wanted : count;
}

static bool has_weights(const struct run *run, enum set set) { return run->sets[set]->w != NULL; }

// In double if float32 would round away the differences between samples, or lacks the range.
static enum h5_type sample_type(const struct scaling *scaling) {
  for (size_t k = 0; k < scaling->count; k++) {
    const double scale = fabs(scaling->scale[k]), offset = fabs(scaling->offset[k]);
    if (offset > 1e3 * scale || scale > 1e30 || scale < 1e-30) return H5_DOUBLE;
  }
  return H5_REAL;
}

static const char *standard_name(const struct view *view) {
  const char *name = view->channel[0].standard_name;
  for (int64_t c = 1; c < view->channels; c++)
    if (strcmp(view->channel[c].standard_name, name) != 0) return "";
  return name;
}

static const char *common_units(const struct view *view) {
  const char *units = view->channel[0].units;
  for (int64_t c = 1; c < view->channels; c++)
    if (strcmp(view->channel[c].units, units) != 0) return "";
  return unit_or_one(units);
}

// Names of channels as one text, separated by spaces, and their units, separated by semicolons.
static void write_channels(const struct view *view, struct h5_file *file, const char *path) {
  const size_t size = (size_t)view->channels * (VIEW_TEXT + 2) + 1;
  char *names = memory_new(char, size), *units = memory_new(char, size);
  for (int64_t c = 0; c < view->channels; c++) {
    char name[VIEW_TEXT];
    snprintf(name, sizeof name, "%s", view->channel[c].name);
    for (char *blank = name; (blank = strchr(blank, ' ')) != NULL;) *blank = '_';
    text_append(names, size, "%s%s", c > 0 ? " " : "", name);
    text_append(units, size, "%s%s", c > 0 ? "; " : "", unit_or_one(view->channel[c].units));
  }
  h5_write_text(file, path, "channel_names", names);
  h5_write_text(file, path, "channel_units", units);
  memory_free(&names);
  memory_free(&units);
}

static void declare_channel_axis(const struct view *view, struct h5_file *file, const char *group) {
  const char **names = memory_new(const char *, view->channels);
  for (int64_t c = 0; c < view->channels; c++) names[c] = view->channel[c].name;
  h5_place_names(file, group, "channel", view->channels, names, "name of each channel");
  memory_free(&names);
}

static void declare_space_axis(const struct view_axis *axis, struct h5_file *file,
                               const struct evaluation *evaluation, const char *name) {
  char group[GROUP], path[PATH];
  group_of(evaluation, group);
  path_of(evaluation, name, path);
  if (axis->coordinates == NULL) {
    h5_dimension(file, group, name, axis->length);
    return;
  }
  h5_coordinate(file, group, name, axis->length, axis->coordinates, unit_or_one(axis->units),
                axis->name);
  write_standard_name(file, path, axis->standard_name);
}

// Declares the axes of shown samples; returns how many there are.
static int declare_axes(const struct run *run, const struct evaluation *evaluation,
                        struct h5_file *file, char names[H5_AXES][NAME]) {
  const struct view *view = run->views[evaluation->set];
  char group[GROUP];
  int axes = 0;
  group_of(evaluation, group);
  snprintf(names[axes++], NAME, "shown");
  h5_dimension(file, group, "shown", shown_count(run, evaluation->set));
  if (view->has_channel_axis) {
    snprintf(names[axes++], NAME, "channel");
    declare_channel_axis(view, file, group);
  }
  for (int a = 0; a < view->space_axes && axes < H5_AXES; a++, axes++) {
    name_axis(file, evaluation, view->space[a].name, names[axes]);
    declare_space_axis(&view->space[a], file, evaluation, names[axes]);
  }
  return axes;
}

// What is stored of a shown sample: itself, and reconstructions of it.
static const struct array {
  const char *name, *text;
  enum errors_source source;  // ERRORS_SOURCES: the sample itself
} arrays[] = {{"reconstruction", "first samples as decoded from their latents, in data units",
               ERRORS_BY_FLOW},
              {"pod_reconstruction",
               "the same samples by POD of the training samples, in data units", ERRORS_BY_POD},
              {"target", "the same samples as given, in data units; NaN where they do not count",
               ERRORS_SOURCES}};

static const char spread_name[] = "reconstruction_std";
static const char mean_name[] = "posterior_mean", deviation_name[] = "posterior_std";

static bool is_there(const struct evaluation *evaluation, const struct array *array) {
  return array->source == ERRORS_SOURCES || evaluation->errors[array->source] != NULL;
}

static void declare_samples(const struct run *run, const struct evaluation *evaluation,
                            struct h5_file *file) {
  const struct view *view = run->views[evaluation->set];
  const enum h5_type type = sample_type(run->scaling);
  char names[H5_AXES][NAME], group[GROUP], path[PATH];
  const char *dimensions[H5_AXES];
  const int axes = declare_axes(run, evaluation, file, names);
  for (int a = 0; a < axes; a++) dimensions[a] = names[a];
  group_of(evaluation, group);
  for (size_t k = 0; k < LENGTH(arrays); k++) {
    if (!is_there(evaluation, &arrays[k])) continue;
    h5_dataset(file, group, arrays[k].name, type, axes, dimensions, common_units(view),
               arrays[k].text);
    path_of(evaluation, arrays[k].name, path);
    write_standard_name(file, path, standard_name(view));
    write_channels(view, file, path);
  }
  if (evaluation->z_std != NULL)
    h5_dataset(file, group, spread_name, type, axes, dimensions, common_units(view),
               "standard deviation of each entry of the reconstruction that results from that of "
               "z, in "
               "data units, without measurement noise");
  if (evaluation->modes != NULL) {
    h5_dataset(file, group, mean_name, type, axes, dimensions, common_units(view),
               "mean of the posterior over the maxima that were found, in data units");
    h5_dataset(file, group, deviation_name, type, axes, dimensions, common_units(view),
               "standard deviation of the posterior from that mean, in data units, without "
               "measurement noise");
  }
  if (has_weights(run, evaluation->set))
    h5_dataset(file, group, "weight", H5_REAL, axes, dimensions, "1",
               "weight of each entry in the loss, 0 where it does not count");
}

// Copies rows of `stride` to gap-free ones in data units, as numbers of `type`; NaN where an
// entry's weight (w, NULL: 1) is 0.
static void to_data_units(const struct run *run, int64_t count, const real *rows, const real *w,
                          enum h5_type type, void *out) {
  const size_t n = run->decoder->n, stride = real_padded(n);
  const struct scaling *scaling = run->scaling;
  for (size_t i = 0; i < (size_t)count; i++) {
    for (size_t j = 0; j < n; j++) {
      const size_t from = i * stride + j, to = i * n + j, pair = scaling_place(scaling, j);
      const bool counts = w == NULL || w[from] > 0;
      const double value =
          counts ? errors_unscaled((double)rows[from], scaling->scale[pair], scaling->offset[pair])
                 : (double)NAN;
      if (type == H5_DOUBLE)
        ((double *)out)[to] = value;
      else
        ((real *)out)[to] = (real)value;
    }
  }
}

// The same for standard deviations, which offsets do not affect.
static void spread_to_data_units(const struct run *run, int64_t count, const real *rows,
                                 enum h5_type type, void *out) {
  const size_t n = run->decoder->n, stride = real_padded(n);
  for (size_t i = 0; i < (size_t)count; i++)
    for (size_t j = 0; j < n; j++) {
      const double scale = fabs(run->scaling->scale[scaling_place(run->scaling, j)]);
      const double value = (double)rows[i * stride + j] * scale;
      if (type == H5_DOUBLE)
        ((double *)out)[i * n + j] = value;
      else
        ((real *)out)[i * n + j] = (real)value;
    }
}

static void write_weights(const struct dataset *data, struct h5_file *file, const char *path,
                          int64_t first, int64_t count, real *out) {
  const real *rows = data->w + (size_t)(first - data->local_first) * data->stride;
  for (size_t i = 0; i < (size_t)count; i++)
    memcpy(out + i * data->n, rows + i * data->stride, data->n * sizeof *out);
  h5_write_rows(file, path, H5_REAL, first, count, out);
}

static void write_mixture(const struct run *run, const struct evaluation *evaluation,
                          struct h5_file *file, int64_t first, int64_t count, real *mean,
                          void *out) {
  const struct dataset *data = run->sets[evaluation->set];
  const enum h5_type type = sample_type(run->scaling);
  char path[PATH];
  real *deviation = memory_new(real, (size_t)count * data->stride);
  evaluation_mix(evaluation, first - data->local_first, count, mean, deviation);
  to_data_units(run, count, mean, NULL, type, out);
  path_of(evaluation, mean_name, path);
  h5_write_rows(file, path, type, first, count, out);
  spread_to_data_units(run, count, deviation, type, out);
  path_of(evaluation, deviation_name, path);
  h5_write_rows(file, path, type, first, count, out);
  memory_free(&deviation);
}

// Samples [first, first + count) of the set, which this rank has. Collective.
static void write_block(const struct run *run, const struct evaluation *evaluation,
                        struct h5_file *file, int64_t first, int64_t count) {
  const struct dataset *data = run->sets[evaluation->set];
  const enum h5_type type = sample_type(run->scaling);
  const int64_t local = first - data->local_first;
  const size_t at = (size_t)local * data->stride;
  char path[PATH];
  real *x = memory_new(real, (size_t)count * data->stride);
  double *out = memory_new(double, (size_t)count * data->n);
  for (size_t k = 0; k < LENGTH(arrays); k++) {
    if (!is_there(evaluation, &arrays[k])) continue;
    const bool given = arrays[k].source == ERRORS_SOURCES;
    if (!given) evaluation_reconstruct(evaluation, arrays[k].source, local, count, x);
    to_data_units(run, count, given ? data->y + at : x,
                  given && data->w != NULL ? data->w + at : NULL, type, out);
    path_of(evaluation, arrays[k].name, path);
    h5_write_rows(file, path, type, first, count, out);
  }
  if (evaluation->z_std != NULL) {
    evaluation_spread(evaluation, local, count, x);
    spread_to_data_units(run, count, x, type, out);
    path_of(evaluation, spread_name, path);
    h5_write_rows(file, path, type, first, count, out);
  }
  if (evaluation->modes != NULL) write_mixture(run, evaluation, file, first, count, x, out);
  path_of(evaluation, "weight", path);
  if (data->w != NULL) write_weights(data, file, path, first, count, (real *)out);
  memory_free(&x);
  memory_free(&out);
}

static void write_samples(const struct run *run, const struct evaluation *evaluation,
                          struct h5_file *file) {
  const struct dataset *data = run->sets[evaluation->set];
  const int64_t left = shown_count(run, evaluation->set) - data->local_first;
  const int64_t mine = left < 0 ? 0 : left < data->local_count ? left : data->local_count;
  const size_t row = data->stride * (sizeof(real) + sizeof(double));
  const int64_t block = row < ERRORS_BLOCK ? (int64_t)(ERRORS_BLOCK / row) : 1;
  int64_t most = mine;
  comm_max_int64(run->comm, &most, 1);
  for (int64_t done = 0; done < most; done += block) {
    const int64_t begin = done < mine ? done : mine, rest = mine - begin;
    write_block(run, evaluation, file, data->local_first + begin, rest < block ? rest : block);
  }
}

// ---- the group ----

static void list_columns(const struct evaluation *evaluation, const struct evaluation *as_new,
                         struct state *columns) {
  evaluation_columns(evaluation, columns);
  if (as_new != NULL && evaluation->set == as_new->set) evaluation_columns(as_new, columns);
}

void output_declare_set(const struct run *run, const struct evaluation *evaluation,
                        const struct evaluation *as_new, struct h5_file *file) {
  const enum set set = evaluation->set;
  const struct data_options *options = run_data(run, set);
  char group[GROUP];
  group_of(evaluation, group);
  h5_group(file, group, "samples encoded with the decoder of this file");
  h5_write_text(
      file, group, "file",
      options->generate != GENERATE_NONE ? generator_name(options->generate) : options->file);
  h5_write_text(file, group, "dataset", options->dataset);
  h5_write_number(file, group, "mean_loss", evaluation->loss);
  if (evaluation->by_encoder != NULL)
    h5_write_number(file, group, "mean_loss_encoder", evaluation->loss_encoder);
  h5_write_text(file, group, "samples_in", "data units");
  for (int source = 0; source < ERRORS_SOURCES; source++)
    if (evaluation->errors[source] != NULL)
      write_errors(evaluation->errors[source], source, file, group);
  h5_dimension(file, group, "sample", run->shapes[set].count);
  h5_dimension(file, group, "latent", (int64_t)run->decoder->d);
  struct state columns = {.count = 0};
  list_columns(evaluation, as_new, &columns);
  for (size_t f = 0; f < columns.count; f++) output_declare_field(file, &columns.fields[f]);
  if (evaluation->z_covariance != NULL)
    h5_dataset(file, group, "z_covariance", H5_DOUBLE, 3,
               (const char *const[]){"sample", "latent", "latent"}, "1",
               "covariance of each latent, by Laplace's approximation");
  if (has_places(run, set)) declare_places(run, evaluation, file);
  declare_samples(run, evaluation, file);
}

void output_write_set(const struct run *run, const struct evaluation *evaluation,
                      const struct evaluation *as_new, struct h5_file *file) {
  struct state columns = {.count = 0};
  list_columns(evaluation, as_new, &columns);
  for (size_t f = 0; f < columns.count; f++) output_write_field(file, &columns.fields[f]);
  if (evaluation->z_covariance != NULL) {
    char path[PATH];
    path_of(evaluation, "z_covariance", path);
    h5_write_rows(file, path, H5_DOUBLE, run->sets[evaluation->set]->local_first,
                  run->sets[evaluation->set]->local_count, evaluation->z_covariance);
  }
  if (has_places(run, evaluation->set)) write_places(run, evaluation, file);
  write_samples(run, evaluation, file);
}
