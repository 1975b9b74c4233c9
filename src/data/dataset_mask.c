// What all samples of a set have in common: a mask, or weights that are given once for all.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

// ---- opening ----

static bool exists(const char *path) {
  FILE *stream = fopen(path, "rb");
  if (stream != NULL) fclose(stream);
  return stream != NULL;
}

// One that is stored in the same files and in the same way as the fields is assembled like them.
static void join(struct dataset_sources *sources) {
  struct source made = sources->common;
  struct error ignored = {""};
  bool common = false;
  if (sources->samples.plan == NULL || readers[made.reader]->block == NULL) return;
  if (dataset_join(sources, &made, &sources->common_plan, &common, &ignored) && common)
    sources->common = made;
}

bool dataset_open_mask(struct dataset_sources *sources, struct error *error) {
  const char *given = sources->options->mask, *inner = config_inner_path(given);
  struct source *source = &sources->common;
  if (given[0] == '\0') return true;
  snprintf(source->key, sizeof source->key, "%s.mask", sources->key);
  snprintf(source->file_key, sizeof source->file_key, "%s.mask", sources->key);
  snprintf(source->label, sizeof source->label, "%s = %s", source->key, given);
  snprintf(source->path, sizeof source->path, "%s", given);
  snprintf(source->name, sizeof source->name, "%s", inner);
  if (*inner != '\0') {
    source->path[inner - given - 1] = '\0';
  } else if (dataset_is_hdf5(&sources->samples) && !exists(given)) {
    memcpy(source->path, sources->samples.path, sizeof source->path);
    snprintf(source->name, sizeof source->name, "%s", given);
  }
  if (!dataset_open_file(source, error)) return false;
  if (source->name[0] != '\0' && !dataset_is_hdf5(source))
    return error_set(error, "%s: only HDF5 files contain datasets; the format of %s is %s",
                     source->label, source->path, readers[source->reader]->name);
  join(sources);
  return true;
}

// ---- its shape ----

static void append_shape(char text[256], const int64_t *shape, int axes) {
  text_append(text, 256, "(");
  for (int a = 0; a < axes; a++)
    text_append(text, 256, "%s%lld", a > 0 ? ", " : "", (long long)shape[a]);
  text_append(text, 256, axes == 1 ? ",)" : ")");
}

static bool is_shape(const struct source *source, const int64_t *shape, int axes) {
  bool same = source->axes == axes;
  for (int a = 0; same && a < axes; a++) same = source->shape[a] == shape[a];
  return same;
}

// The shape must be that of one sample or of its spatial axes or, for weights, of all samples.
static bool check_shape(const struct dataset_sources *sources, struct error *error) {
  const struct source *source = &sources->common, *samples = &sources->samples;
  const struct view *view = sources->view;
  const bool mask = sources->options->mask[0] != '\0';
  if (readers[source->reader] == &reader_view) return true;
  int64_t shape[VIEW_AXES + 1] = {view->channels};
  const int space = view->space_axes, channel = view->has_channel_axis ? 1 : 0;
  for (int a = 0; a < space; a++) shape[channel + a] = view->space[a].length;
  if (source->axes > 0 &&
      (is_shape(source, shape, channel + space) || is_shape(source, shape + channel, space)))
    return true;
  char expected[256] = "", found[256] = "";
  if (!mask) {
    append_shape(expected, samples->shape, samples->axes);
    text_append(expected, sizeof expected, ", or that of one, ");
  }
  append_shape(expected, shape, channel + space);
  if (channel > 0) {
    text_append(expected, sizeof expected, ", or of its spatial axes, ");
    append_shape(expected, shape + channel, space);
  }
  append_shape(found, source->shape, source->axes);
  return error_set(error, "%s: must have the shape of %s, %s; it is %s", source->label,
                   mask ? "one sample" : "the samples", expected, found);
}

// ---- reading ----

// Converts a value in the file to the weight of an entry.
static bool weigh(const struct dataset_sources *sources, size_t entry, double *value,
                  struct error *error) {
  const bool mask = sources->options->mask[0] != '\0';
  if (mask ? !isnan(*value) : isfinite((real)*value) && *value >= 0) {
    if (mask) *value = *value == 0;
    return true;
  }
  return error_set(error,
                   mask ? "%s: entry %zu is %g; it must be 0 to keep the entry, or another number "
                          "to leave it out"
                        : "%s: the weight of entry %zu is %g; weights must be finite and at "
                          "least 0",
                   sources->common.label, entry, *value);
}

// Rank 0: from the values read to the weights.
static bool weigh_all(const struct dataset_sources *sources, double *values, size_t count,
                      struct error *error) {
  bool any = false;
  for (size_t j = 0; j < count; j++) {
    if (!weigh(sources, j, &values[j], error)) return false;
    any = any || values[j] > 0;
  }
  return any || error_set(error, "%s: no entry of a sample is left", sources->common.label);
}

bool dataset_read_common(struct comm *comm, struct dataset_sources *sources, struct error *error) {
  struct source *source = &sources->common;
  struct error found = {""};
  comm_broadcast(comm, source, sizeof *source, 0);
  if (comm_rank(comm) != 0) source->plan = NULL;
  if (source->key[0] == '\0') return true;
  bool good = check_shape(sources, &found);
  const size_t n = view_entries(sources->view);
  if (good) {
    const size_t row = (size_t)source_row(source), count = (size_t)source->shape[0] * row;
    int64_t *index = memory_new(int64_t, source->shape[0]);
    for (int64_t i = 0; i < source->shape[0]; i++) index[i] = i;
    const struct source_rows rows = {index, comm_rank(comm) == 0 ? source->shape[0] : 0};
    sources->pattern = memory_new(double, n);
    source_read(comm, source, &rows, ELEMENT_DOUBLE, sources->pattern, &found);
    if (comm_rank(comm) == 0 && !error_is_set(&found))
      weigh_all(sources, sources->pattern, count, &found);
    comm_broadcast(comm, &found, sizeof found, 0);
    good = !error_is_set(&found);
    comm_broadcast(comm, sources->pattern, count * sizeof(double), 0);
    for (size_t j = count; j < n; j++) sources->pattern[j] = sources->pattern[j - count];
    memory_free(&index);
  }
  if (!good) error_set(error, "%s", found.text);
  return good;
}
