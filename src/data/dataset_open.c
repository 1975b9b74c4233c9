#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "data/dataset_internal.h"
#include "data/reader.h"
#include "ground/memory.h"
#include "ground/pattern.h"
#include "ground/text.h"

_Static_assert((int)SOURCE_AXES == (int)DATASET_AXES + 1, "the samples' axis and those of one");

static const int64_t entries_max = (int64_t)1 << 31, samples_max = (int64_t)1 << 40;

// ---- files and their formats ----

static bool is_file_format(int reader) { return readers[reader]->matches != NULL; }

static bool complain_of_format(const struct source *source, struct error *error) {
  char known[256] = "";
  for (int i = 0; i < reader_count; i++) {
    const size_t length = strlen(known);
    if (is_file_format(i))
      snprintf(known + length, sizeof known - length, "%s%s", length > 0 ? ", " : "",
               readers[i]->name);
  }
  return error_set(error, "%s: the file format is not recognised; known are %s", source->label,
                   known);
}

static bool find_reader(struct source *source, const unsigned char *head, size_t size) {
  for (int i = 0; i < reader_count; i++) {
    if (!is_file_format(i) || !readers[i]->matches(source->path, head, size)) continue;
    source->reader = i;
    return true;
  }
  return false;
}

// Sets source->reader from what the file holds.
static bool recognise(struct source *source, struct error *error) {
  FILE *stream = source_file(source, source->path, error);
  if (stream == NULL) return false;
  unsigned char head[16] = {0};
  errno = 0;
  const size_t size = fread(head, 1, sizeof head, stream);
  const int reason = errno;
  fclose(stream);
  if (size == 0 && reason == EISDIR)
    return find_reader(source, head, size) ||
           error_set(error,
                     "%s: is a directory; a file is needed, or the directory of CIFAR-10's "
                     "data_batch_1.bin, data_batch_2.bin, ...",
                     source->label);
  if (size == 0)
    return error_set(error, "%s: %s", source->label,
                     reason != 0 ? strerror(reason) : "the file is empty");
  return find_reader(source, head, size) || complain_of_format(source, error);
}

bool dataset_open_file(struct source *source, struct error *error) {
  return recognise(source, error) && readers[source->reader]->open(source, error);
}

static int file_reader(const struct source *source) {
  return source->plan != NULL ? source->plan->reader : source->reader;
}

bool dataset_is_hdf5(const struct source *source) {
  return readers[file_reader(source)] == &reader_hdf5;
}

static bool exists(const char *path) {
  FILE *stream = fopen(path, "rb");
  if (stream != NULL) fclose(stream);
  return stream != NULL;
}

// Copies `path`, or, if there is no such file, the path beside the file `neighbour` if there is
// one.
static void resolve(const char *path, const char *neighbour, char resolved[CONFIG_TEXT]) {
  snprintf(resolved, CONFIG_TEXT, "%s", path);
  const char *slash = strrchr(neighbour, '/');
  if (slash == NULL || path[0] == '/' || exists(path)) return;
  char beside[CONFIG_TEXT];
  const int length =
      snprintf(beside, sizeof beside, "%.*s/%s", (int)(slash - neighbour), neighbour, path);
  if (length < CONFIG_TEXT && exists(beside)) memcpy(resolved, beside, (size_t)length + 1);
}

// ---- requirements on a source ----

static const char *shape_text(const struct source *source, char text[256]) {
  size_t length = (size_t)snprintf(text, 256, "(");
  for (int a = 0; a < source->axes; a++)
    length += (size_t)snprintf(text + length, 256 - length, "%s%lld", a > 0 ? ", " : "",
                               (long long)source->shape[a]);
  snprintf(text + length, 256 - length, source->axes == 1 ? ",)" : ")");
  return text;
}

static bool check_samples(const struct source *source, struct error *error) {
  char shape[256];
  if (source->axes == 0)
    return error_set(error, "%s: a single number; samples need an axis", source->label);
  shape_text(source, shape);
  if (source->shape[0] == 0) return error_set(error, "%s: 0 samples", source->label);
  for (int a = 1; a < source->axes; a++)
    if (source->shape[a] == 0)
      return error_set(error, "%s: samples with no entries: the shape is %s", source->label, shape);
  const int64_t n = source_row(source);
  if (n < 0 || n > entries_max)
    return error_set(error,
                     "%s: too many entries in a sample, at most %lld are allowed: the shape "
                     "is %s",
                     source->label, (long long)entries_max, shape);
  return true;
}

static bool check_range(struct dataset_sources *sources, struct error *error) {
  const struct data_options *options = sources->options;
  const struct source *source = &sources->samples;
  struct source_range *range = &sources->range;
  const char *key = sources->key;
  const int64_t held = source->shape[0], first = options->first, count = options->count;
  if (first < 0 || first >= held)
    return error_set(error, "%s.first = %lld: must be in [0, %lld]; %s contains %lld samples", key,
                     (long long)first, (long long)(held - 1), source->path, (long long)held);
  if (count < 0 || count > held - first)
    return error_set(error,
                     "%s.count = %lld: must be in [1, %lld], or 0 for all: %s holds %lld "
                     "samples and first = %lld",
                     key, (long long)count, (long long)(held - first), source->path,
                     (long long)held, (long long)first);
  *range = (struct source_range){first, count > 0 ? count : held - first};
  const int64_t row_bytes = (int64_t)(real_padded((size_t)source_row(source)) * sizeof(real));
  int64_t bytes;
  if (range->count > samples_max || __builtin_mul_overflow(range->count, row_bytes, &bytes))
    return error_set(error, "%s.count = %lld: too many samples to fit in memory", key,
                     (long long)range->count);
  return true;
}

static bool check_labels(const struct dataset_sources *sources, struct error *error) {
  const struct source *labels = &sources->labels;
  char shape[256];
  const bool single = labels->axes == 1 || (labels->axes == 2 && labels->shape[1] == 1);
  if (!single)
    return error_set(error, "%s: must be one number per sample; the shape is %s", labels->label,
                     shape_text(labels, shape));
  if (!labels->integer && sources->options->classes.count > 0)
    return error_set(error, "%s: these labels are real numbers, not classes; leave out %s.classes",
                     labels->label, sources->key);
  const int64_t needed = sources->range.first + sources->range.count;
  if (labels->shape[0] < needed)
    return error_set(error, "%s: only %lld labels, too few for samples %lld to %lld", labels->label,
                     (long long)labels->shape[0], (long long)sources->range.first,
                     (long long)(needed - 1));
  return true;
}

// Weights of every sample; others are for all samples alike.
static bool check_weights(struct dataset_sources *sources) {
  const struct source *weights = &sources->weights, *samples = &sources->samples;
  bool same = weights->axes == samples->axes;
  for (int a = 0; same && a < weights->axes; a++) same = weights->shape[a] == samples->shape[a];
  if (!same) {
    sources->common = *weights;
    sources->common_plan = sources->weights_plan;
    sources->weights_plan = NULL;
    memset(&sources->weights, 0, sizeof sources->weights);
  }
  return true;
}

// ---- the sources of a section ----

static bool says_axes(const struct data_options *options) {
  return options->axes.count > 0 || options->samples.count > 0 || options->select.count > 0;
}

// Options that only files with axes can have.
static bool check_axes(const struct data_options *options, const char *key,
                       const struct source *source, struct error *error) {
  const char *format = readers[source->reader]->name;
  if (options->dataset[0] != '\0' || options->fields.count > 0)
    return error_set(error, "%s.%s = %s: only HDF5 files contain datasets; the format of %s is %s",
                     key, options->dataset[0] != '\0' ? "dataset" : "fields",
                     options->dataset[0] != '\0' ? options->dataset : options->fields.name[0],
                     source->path, format);
  if (readers[source->reader]->block != NULL) return true;
  if (pattern_is(options->file))
    return error_set(error,
                     "%s.file = %s: patterns are for HDF5 and .npy files; the format of %s is %s",
                     key, options->file, source->path, format);
  return !says_axes(options) ||
         error_set(
             error,
             "%s.%s: axes can be named and selected only in HDF5 and .npy files; %s is of the "
             "format %s",
             key,
             options->axes.count > 0      ? "axes"
             : options->samples.count > 0 ? "samples"
                                          : "select",
             source->path, format);
}

// The first of the files that the key names.
static void find_first(const char *pattern, char path[CONFIG_TEXT]) {
  size_t count;
  char **list = pattern_list(pattern, &count);
  snprintf(path, CONFIG_TEXT, "%s", list[0]);
  pattern_free(&list, count);
}

// Names the samples for messages.
static void label_samples(const struct data_options *options, const char *key,
                          struct source *source) {
  const bool fields = options->fields.count > 0;
  char names[SOURCE_LABEL / 2] = "";
  for (int64_t i = 0; i < options->fields.count; i++)
    text_append(names, sizeof names, "%s%s", i > 0 ? ", " : "", options->fields.name[i]);
  if (!fields) text_append(names, sizeof names, "%s", options->dataset);
  if (names[0] == '\0') return;
  snprintf(source->key, sizeof source->key, "%s.%s", key, fields ? "fields" : "dataset");
  snprintf(source->label, sizeof source->label, "%s.%s = %s in %s", key,
           fields ? "fields" : "dataset", names, options->file);
}

// Resolves the view. Plain rows of a single dataset need no plan to be read, but have one until
// everything is open.
static bool open_view(struct dataset_sources *sources, struct error *error) {
  struct source *source = &sources->samples;
  sources->samples_plan = view_plan_open(source, sources->options, error);
  if (sources->samples_plan == NULL) return false;
  sources->view = view_plan_view(sources->samples_plan);
  if (view_plan_is_plain(sources->samples_plan)) {
    snprintf(source->name, sizeof source->name, "%s", sources->samples_plan->array->path);
    return readers[source->reader]->open(source, error);
  }
  view_plan_attach(sources->samples_plan, source);
  view_plan_shape(sources->samples_plan, source);
  return true;
}

static bool open_samples(struct dataset_sources *sources, struct error *error) {
  const struct data_options *options = sources->options;
  struct source *source = &sources->samples;
  const char *key = sources->key;
  snprintf(source->key, sizeof source->key, "%s.file", key);
  snprintf(source->file_key, sizeof source->file_key, "%s.file", key);
  snprintf(source->label, sizeof source->label, "%s.file = %s", key, options->file);
  find_first(options->file, source->path);
  if (!recognise(source, error)) return false;
  if (dataset_is_hdf5(source))
    label_samples(options, key, source);
  else if (!check_axes(options, key, source, error))
    return false;
  const bool view = dataset_is_hdf5(source) || says_axes(options) || pattern_is(options->file);
  return (view ? open_view(sources, error) : readers[source->reader]->open(source, error)) &&
         check_samples(source, error);
}

bool dataset_join(const struct dataset_sources *sources, struct source *source,
                  struct view_plan **plan, bool *common, struct error *error) {
  const struct source *samples = &sources->samples;
  const bool labels = source == &sources->labels;
  bool integer = source->integer;
  *plan = view_plan_companion(sources->samples_plan, source, labels, &integer, error);
  if (*plan == NULL) return false;
  *common = !labels && view_plan_is_common(*plan);
  view_plan_attach(*plan, source);
  source->integer = integer;
  source->axes = labels ? 1 : samples->axes;
  memcpy(source->shape, samples->shape, sizeof source->shape);
  if (*common) source->shape[0] = 1;
  return true;
}

// Whether `value` names an axis that numbers the samples.
static bool is_axis(const struct dataset_sources *sources, const char *value) {
  const struct view_plan *plan = sources->samples_plan;
  for (int k = 0; plan != NULL && k < plan->numbering_axes; k++)
    if (strcmp(plan->axis[plan->numbering[k]].is.name, value) == 0) return true;
  return false;
}

// Labels or weights: `value` is a path inside the HDF5 file of the samples, or the name of an axis,
// or else a file.
static bool open_companion(const struct dataset_sources *sources, const char *item,
                           const char *value, struct source *source, struct view_plan **plan,
                           struct error *error) {
  const struct source *samples = &sources->samples;
  snprintf(source->key, sizeof source->key, "%s.%s", sources->key, item);
  const bool axis = source == &sources->labels && is_axis(sources, value);
  bool common = false;
  if (dataset_is_hdf5(samples) || axis) {
    memcpy(source->file_key, samples->file_key, sizeof source->file_key);
    memcpy(source->path, samples->path, sizeof source->path);
    snprintf(source->name, sizeof source->name, "%s", value);
    snprintf(source->label, sizeof source->label, "%s = %s in %s", source->key, value,
             source->path);
    source->reader = file_reader(samples);
    return samples->plan != NULL || axis ? dataset_join(sources, source, plan, &common, error)
                                         : readers[source->reader]->open(source, error);
  }
  memcpy(source->file_key, source->key, sizeof source->file_key);
  snprintf(source->label, sizeof source->label, "%s = %s", source->key, value);
  resolve(value, samples->path, source->path);
  if (!dataset_open_file(source, error)) return false;
  const bool flat = source->axes == 1 && source->shape[0] == samples->shape[0];
  const bool rows = samples->plan == NULL || (flat && source == &sources->labels) ||
                    readers[source->reader]->block == NULL;
  return rows || dataset_join(sources, source, plan, &common, error);
}

static bool open_labels(struct dataset_sources *sources, struct error *error) {
  const struct source *samples = &sources->samples;
  const char *given = sources->options->labels;
  if (given[0] != '\0')
    return open_companion(sources, "labels", given, &sources->labels, &sources->labels_plan,
                          error) &&
           check_labels(sources, error);
  if (!readers[samples->reader]->own_labels) return true;
  sources->labels = *samples;
  snprintf(sources->labels.name, sizeof sources->labels.name, "%s", SOURCE_OWN_LABELS);
  return readers[samples->reader]->open(&sources->labels, error);
}

static bool open_weights(struct dataset_sources *sources, struct error *error) {
  const char *given = sources->options->weights;
  return given[0] == '\0' || (open_companion(sources, "weights", given, &sources->weights,
                                             &sources->weights_plan, error) &&
                              check_weights(sources));
}

static bool open_generator(struct dataset_sources *sources, uint64_t seed, struct error *error) {
  const struct data_options *options = sources->options;
  struct source *source = &sources->samples;
  assert(options->file[0] == '\0' && options->labels[0] == '\0' && options->weights[0] == '\0' &&
         options->count > 0);
  while (readers[source->reader]->generator != (enum generator)options->generate) source->reader++;
  source->seed = seed;
  const char *name = readers[source->reader]->name;
  snprintf(source->label, sizeof source->label, "%s.generate = %s", sources->key, name);
  snprintf(source->path, sizeof source->path, "%s", name);
  return readers[source->reader]->open(source, error) && check_range(sources, error);
}

static bool check_classes(const struct dataset_sources *sources, struct error *error) {
  return sources->options->classes.count == 0 || sources->labels.axes > 0 ||
         error_set(error, "%s.classes: %s has no labels to choose by; give %s.labels", sources->key,
                   sources->samples.label, sources->key);
}

// By rank 0 alone.
static bool open_sources(struct dataset_sources *sources, uint64_t seed, struct error *error) {
  const struct data_options *options = sources->options;
  if (options->generate != GENERATE_NONE)
    return open_generator(sources, seed, error) && check_classes(sources, error);
  assert(options->file[0] != '\0');
  return open_samples(sources, error) && check_range(sources, error) &&
         open_labels(sources, error) && open_weights(sources, error) &&
         dataset_open_mask(sources, error) && check_classes(sources, error);
}

// Gives all ranks what rank 0 has found. Collective.
static void broadcast(struct comm *comm, struct dataset_sources *sources) {
  comm_broadcast(comm, &sources->samples, sizeof sources->samples, 0);
  comm_broadcast(comm, &sources->labels, sizeof sources->labels, 0);
  comm_broadcast(comm, &sources->weights, sizeof sources->weights, 0);
  comm_broadcast(comm, &sources->range, sizeof sources->range, 0);
  sources->samples_plan = view_plan_broadcast(comm, sources->samples_plan);
  sources->labels_plan = view_plan_broadcast(comm, sources->labels_plan);
  sources->weights_plan = view_plan_broadcast(comm, sources->weights_plan);
  sources->samples.plan = sources->samples.plan != NULL ? sources->samples_plan : NULL;
  sources->labels.plan = sources->labels_plan;
  sources->weights.plan = sources->weights_plan;
}

// ---- the view ----

// The names of the axes of a format that has fixed ones.
static void name_known(struct view *view, const struct source *source) {
  static const char *const colours[] = {"red", "green", "blue"};
  if (readers[source->reader] != &reader_cifar) return;
  view->has_channel_axis = true;
  memory_free(&view->channel);
  view->channels = view->space[0].length;
  view->channel = memory_new(struct view_channel, view->channels);
  for (size_t c = 0; c < LENGTH(colours); c++)
    snprintf(view->channel[c].name, sizeof view->channel[c].name, "%s", colours[c]);
  view->space[0] = view->space[1];
  view->space[1] = view->space[2];
  view->space_axes = 2;
  snprintf(view->space[0].name, sizeof view->space[0].name, "y");
  snprintf(view->space[1].name, sizeof view->space[1].name, "x");
}

// The numbering of the selected samples: part of a single axis, or not a grid.
static void cut_numbering(const struct dataset_sources *sources, struct view *view) {
  const struct data_options *options = sources->options;
  if (sources->count == sources->samples.shape[0]) return;
  struct view_axis *axis = &view->numbering[0];
  const int64_t stride = options->stride > 1 ? options->stride : 1;
  if (view->numbering_axes == 1 && options->classes.count == 0 && options->subset == 0) {
    axis->length = sources->count;
    axis->first += sources->range.first * axis->stride;
    axis->stride *= stride;
    for (int64_t i = 0; axis->coordinates != NULL && i < sources->count; i++)
      axis->coordinates[i] = axis->coordinates[sources->range.first + i * stride];
    return;
  }
  for (int k = 0; k < view->numbering_axes; k++) memory_free(&view->numbering[k].coordinates);
  view->numbering_axes = 1;
  *axis = (struct view_axis){.name = "sample", .length = sources->count, .stride = 1};
}

// Collective.
static struct view *make_view(struct comm *comm, const struct dataset_sources *sources) {
  struct view *view = sources->view;
  if (comm_rank(comm) == 0) {
    if (view == NULL) {
      view = view_plain("value", sources->samples.shape[0], sources->samples.axes - 1,
                        sources->samples.shape + 1);
      name_known(view, &sources->samples);
    }
    cut_numbering(sources, view);
  }
  return view_broadcast(comm, view);
}

struct dataset_sources *dataset_open(struct comm *comm, const struct data_options *options,
                                     const char *key, uint64_t seed, struct error *error) {
  struct dataset_sources *sources = memory_new(struct dataset_sources, 1);
  struct error found = {""};
  sources->options = options;
  sources->key = key;
  if (comm_rank(comm) == 0) open_sources(sources, seed, &found);
  comm_broadcast(comm, &found, sizeof found, 0);
  if (error_is_set(&found)) {
    error_set(error, "%s", found.text);
  } else {
    broadcast(comm, sources);
    if (dataset_count(comm, sources, error)) {
      sources->view = make_view(comm, sources);
      if (dataset_read_common(comm, sources, error)) return sources;
    }
  }
  dataset_close(&sources);
  return NULL;
}

struct dataset_shape dataset_describe(const struct dataset_sources *sources) {
  const struct source *samples = &sources->samples;
  struct dataset_shape shape = {.count = sources->count,
                                .axes = samples->axes - 1,
                                .n = (size_t)source_row(samples),
                                .weights = sources->weights.axes > 0 || sources->pattern != NULL,
                                .missing = samples->marks_missing,
                                .labels = sources->labels.axes > 0};
  memcpy(shape.shape, samples->shape + 1, (size_t)shape.axes * sizeof *shape.shape);
  return shape;
}

struct view *dataset_take_view(struct dataset_sources *sources) {
  struct view *view = sources->view;
  sources->view = NULL;
  return view;
}

void dataset_close(struct dataset_sources **sources) {
  if (*sources == NULL) return;
  memory_free(&(*sources)->candidates);
  memory_free(&(*sources)->pattern);
  memory_free(&(*sources)->index);
  dataset_piece_destroy(&(*sources)->piece);
  view_destroy(&(*sources)->view);
  view_plan_destroy(&(*sources)->samples_plan);
  view_plan_destroy(&(*sources)->labels_plan);
  view_plan_destroy(&(*sources)->weights_plan);
  view_plan_destroy(&(*sources)->common_plan);
  memory_free(sources);
}
