#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "data/reader.h"

static const int64_t most_entries = (int64_t)1 << 31, most_samples = (int64_t)1 << 40;

// ---- files and their formats ----

static bool is_file_format(int reader) { return readers[reader]->matches != NULL; }

static bool complain_of_format(const struct dataset_source *source, struct error *error) {
  char known[256] = "";
  for (int i = 0; i < reader_count; i++) {
    const size_t length = strlen(known);
    if (is_file_format(i))
      snprintf(known + length, sizeof known - length, "%s%s", length > 0 ? ", " : "",
               readers[i]->name);
  }
  return error_set(error, "%s: the file's format is not recognised; known are %s", source->label,
                   known);
}

static bool find_reader(struct dataset_source *source, const unsigned char *head, size_t size) {
  for (int i = 0; i < reader_count; i++) {
    if (!is_file_format(i) || !readers[i]->matches(source->path, head, size)) continue;
    source->reader = i;
    return true;
  }
  return false;
}

// Sets source->reader from what the file holds.
static bool recognise(struct dataset_source *source, struct error *error) {
  FILE *stream = fopen(source->path, "rb");
  if (stream == NULL)
    return error_set(error, "%s: cannot open the file: %s", source->label, strerror(errno));
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

static bool open_file(struct dataset_source *source, struct error *error) {
  return recognise(source, error) && readers[source->reader]->open(source, error);
}

static bool is_hdf5(const struct dataset_source *source) {
  return readers[source->reader] == &reader_hdf5;
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

// ---- what a source must be like ----

static const char *shape_text(const struct dataset_source *source, char text[256]) {
  size_t length = (size_t)snprintf(text, 256, "(");
  for (int a = 0; a < source->axes; a++)
    length += (size_t)snprintf(text + length, 256 - length, "%s%lld", a > 0 ? ", " : "",
                               (long long)source->shape[a]);
  snprintf(text + length, 256 - length, source->axes == 1 ? ",)" : ")");
  return text;
}

static bool check_samples(const struct dataset_source *source, struct error *error) {
  char shape[256];
  if (source->axes == 0)
    return error_set(error, "%s: a single number; samples need a first axis", source->label);
  shape_text(source, shape);
  if (source->shape[0] == 0) return error_set(error, "%s: 0 samples", source->label);
  for (int a = 1; a < source->axes; a++)
    if (source->shape[a] == 0)
      return error_set(error, "%s: samples without entries: the shape is %s", source->label, shape);
  const int64_t n = source_row(source);
  if (n < 0 || n > most_entries)
    return error_set(error,
                     "%s: too many entries in a sample, at most %lld are allowed: the shape "
                     "is %s",
                     source->label, (long long)most_entries, shape);
  return true;
}

static bool check_range(const struct data_options *options, const char *key,
                        const struct dataset_source *source, struct dataset_range *range,
                        struct error *error) {
  const int64_t held = source->shape[0], first = options->first, count = options->count;
  if (first < 0 || first >= held)
    return error_set(error, "%s.first = %lld: must be in [0, %lld]; %s holds %lld samples", key,
                     (long long)first, (long long)(held - 1), source->path, (long long)held);
  if (count < 0 || count > held - first)
    return error_set(error,
                     "%s.count = %lld: must be in [1, %lld], or 0 for all: %s holds %lld "
                     "samples and first = %lld",
                     key, (long long)count, (long long)(held - first), source->path,
                     (long long)held, (long long)first);
  *range = (struct dataset_range){first, count > 0 ? count : held - first};
  const int64_t row_bytes = (int64_t)(real_padded((size_t)source_row(source)) * sizeof(real));
  int64_t bytes;
  if (range->count > most_samples || __builtin_mul_overflow(range->count, row_bytes, &bytes))
    return error_set(error, "%s.count = %lld: too many samples for any memory", key,
                     (long long)range->count);
  return true;
}

static bool check_labels(const struct dataset_sources *sources, struct error *error) {
  const struct dataset_source *labels = &sources->labels;
  char shape[256];
  const bool single = labels->axes == 1 || (labels->axes == 2 && labels->shape[1] == 1);
  if (!single)
    return error_set(error, "%s: must be one number per sample; the shape is %s", labels->label,
                     shape_text(labels, shape));
  if (!labels->integer)
    return error_set(error, "%s: labels must be integers, these are floats", labels->label);
  const int64_t needed = sources->range.first + sources->range.count;
  if (labels->shape[0] < needed)
    return error_set(error, "%s: %lld labels, too few for samples %lld to %lld", labels->label,
                     (long long)labels->shape[0], (long long)sources->range.first,
                     (long long)(needed - 1));
  return true;
}

static bool check_weights(const struct dataset_sources *sources, struct error *error) {
  const struct dataset_source *weights = &sources->weights, *samples = &sources->samples;
  bool same = weights->axes == samples->axes;
  for (int a = 0; same && a < weights->axes; a++) same = weights->shape[a] == samples->shape[a];
  char shape[256], expected[256];
  return same ||
         error_set(error, "%s: must have the shape of the samples, %s; it is %s", weights->label,
                   shape_text(samples, expected), shape_text(weights, shape));
}

// ---- the sources of a section ----

static bool open_samples(const struct data_options *options, const char *key,
                         struct dataset_source *source, struct error *error) {
  snprintf(source->key, sizeof source->key, "%s.file", key);
  snprintf(source->file_key, sizeof source->file_key, "%s.file", key);
  snprintf(source->label, sizeof source->label, "%s.file = %s", key, options->file);
  snprintf(source->path, sizeof source->path, "%s", options->file);
  snprintf(source->name, sizeof source->name, "%s", options->dataset);
  if (!recognise(source, error)) return false;
  if (is_hdf5(source)) {
    snprintf(source->key, sizeof source->key, "%s.dataset", key);
    snprintf(source->label, sizeof source->label, "%s.dataset = %s in %s", key, options->dataset,
             options->file);
  } else if (options->dataset[0] != '\0') {
    return error_set(error,
                     "%s.dataset = %s: only HDF5 files have datasets inside; %s is of the "
                     "format %s",
                     key, options->dataset, options->file, readers[source->reader]->name);
  }
  return readers[source->reader]->open(source, error) && check_samples(source, error);
}

// Labels or weights: `value` is a path inside the HDF5 file of the samples, or else a file.
static bool open_companion(const struct dataset_source *samples, const char *key, const char *item,
                           const char *value, struct dataset_source *source, struct error *error) {
  snprintf(source->key, sizeof source->key, "%s.%s", key, item);
  if (is_hdf5(samples)) {
    memcpy(source->file_key, samples->file_key, sizeof source->file_key);
    memcpy(source->path, samples->path, sizeof source->path);
    snprintf(source->name, sizeof source->name, "%s", value);
    snprintf(source->label, sizeof source->label, "%s = %s in %s", source->key, value,
             source->path);
    source->reader = samples->reader;
    return readers[source->reader]->open(source, error);
  }
  memcpy(source->file_key, source->key, sizeof source->file_key);
  snprintf(source->label, sizeof source->label, "%s = %s", source->key, value);
  resolve(value, samples->path, source->path);
  return open_file(source, error);
}

static bool open_labels(const struct data_options *options, const char *key,
                        struct dataset_sources *sources, struct error *error) {
  const struct dataset_source *samples = &sources->samples;
  if (options->labels[0] != '\0')
    return open_companion(samples, key, "labels", options->labels, &sources->labels, error) &&
           check_labels(sources, error);
  if (!readers[samples->reader]->own_labels) return true;
  sources->labels = *samples;
  snprintf(sources->labels.name, sizeof sources->labels.name, "%s", SOURCE_OWN_LABELS);
  return readers[samples->reader]->open(&sources->labels, error);
}

static bool open_generator(const struct data_options *options, const char *key, uint64_t seed,
                           struct dataset_sources *sources, struct error *error) {
  struct dataset_source *source = &sources->samples;
  while (readers[source->reader]->generator != options->generate) source->reader++;
  source->seed = seed;
  const char *name = readers[source->reader]->name;
  snprintf(source->label, sizeof source->label, "%s.generate = %s", key, name);
  snprintf(source->path, sizeof source->path, "%s", name);
  const char *const refused[][2] = {{"file", options->file},
                                    {"dataset", options->dataset},
                                    {"labels", options->labels},
                                    {"weights", options->weights}};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i][1][0] != '\0')
      return error_set(error, "%s.%s = %s: not to be given with %s", key, refused[i][0],
                       refused[i][1], source->label);
  if (options->count == 0)
    return error_set(error, "%s.count is missing: %s needs one", key, source->label);
  return readers[source->reader]->open(source, error) &&
         check_range(options, key, source, &sources->range, error);
}

static bool check_classes(const struct data_options *options, const char *key,
                          const struct dataset_sources *sources, struct error *error) {
  return options->classes.count == 0 || sources->labels.axes > 0 ||
         error_set(error, "%s.classes: %s has no labels to choose by; give %s.labels", key,
                   sources->samples.label, key);
}

static bool open_sources(const struct data_options *options, const char *key, uint64_t seed,
                         struct dataset_sources *sources, struct error *error) {
  if (options->generate != GENERATE_NONE) return open_generator(options, key, seed, sources, error);
  if (options->file[0] == '\0')
    return error_set(error, "%s.file is missing: give a data file, or %s.generate", key, key);
  if (!open_samples(options, key, &sources->samples, error) ||
      !check_range(options, key, &sources->samples, &sources->range, error))
    return false;
  if (!open_labels(options, key, sources, error)) return false;
  return options->weights[0] == '\0' ||
         (open_companion(&sources->samples, key, "weights", options->weights, &sources->weights,
                         error) &&
          check_weights(sources, error));
}

bool dataset_open(struct comm *comm, const struct data_options *options, const char *key,
                  uint64_t seed, struct dataset_sources *sources, struct error *error) {
  struct error found;
  memset(&found, 0, sizeof found);
  memset(sources, 0, sizeof *sources);
  if (comm_rank(comm) == 0 && open_sources(options, key, seed, sources, &found))
    check_classes(options, key, sources, &found);
  comm_broadcast(comm, &found, sizeof found, 0);
  comm_broadcast(comm, sources, sizeof *sources, 0);
  if (error_is_set(&found)) return error_set(error, "%s", found.text);
  if (dataset_count(comm, options, key, sources, error)) return true;
  dataset_close(sources);
  return false;
}

void dataset_probe(struct comm *comm, const struct data_options *options, const char *key,
                   uint64_t seed, struct dataset_shape *shape, struct error *error) {
  struct dataset_sources sources;
  *shape = (struct dataset_shape){0};
  if (!dataset_open(comm, options, key, seed, &sources, error)) return;
  const struct dataset_source *samples = &sources.samples;
  shape->count = sources.count;
  shape->axes = samples->axes - 1;
  memcpy(shape->shape, samples->shape + 1, (size_t)shape->axes * sizeof *shape->shape);
  shape->n = (size_t)source_row(samples);
  shape->weights = sources.weights.axes > 0;
  shape->labels = sources.labels.axes > 0;
  dataset_close(&sources);
}
