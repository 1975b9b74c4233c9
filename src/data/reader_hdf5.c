#include <stdio.h>
#include <string.h>

#include "data/packing.h"
#include "data/reader.h"
#include "ground/memory.h"
#include "platform/h5.h"

enum { GAP = 64, BLOCK = 1 << 24 };  // rows skipped by reading them; bytes read for that

_Static_assert((int)H5_AXES <= (int)SOURCE_AXES, "a source must hold the axes of an HDF5 dataset");

static bool matches(const char *path, const unsigned char *head, size_t size) {
  (void)head, (void)size;
  return h5_is_hdf5(path);
}

// data.*.dataset is missing: the message names what the file has.
static bool ask_for_name(struct h5_file *file, const struct source *source, struct error *error) {
  char list[2048];
  h5_list(file, "", list, sizeof list);
  return error_set(error,
                   "%s is missing: %s is an HDF5 file, so the path of the samples in it is "
                   "needed; %s",
                   source->key, source->path, list);
}

static bool open_dataset(struct source *source, struct error *error) {
  struct h5_file *file = h5_open(source->path, source->file_key, error);
  if (file == NULL) return false;
  struct packing packing;
  const bool good =
      source->name[0] == '\0'
          ? ask_for_name(file, source, error)
          : h5_shape(file, source->name, source->key, &source->axes, source->shape, error) &&
                h5_check_sources(file, source->name, source->key, error) &&
                packing_read(file, source->name, source->key, &packing, error);
  source->integer = good && h5_is_integer(file, source->name);
  h5_close(&file);
  return good;
}

// The place after the last row that is read together with the one at place `i`. One row of a
// compressed chunk costs as much as all of them, so rows are read across small gaps.
static int64_t end_of_block(const struct source_rows *rows, int64_t i, size_t bytes) {
  int64_t end = i + source_run(rows, i);
  const int64_t most = (int64_t)(BLOCK / bytes), first = rows->index[i];
  while (end < rows->count && rows->index[end] - rows->index[end - 1] <= GAP &&
         rows->index[end] - first < most)
    end++;
  return end;
}

// What is read from an open file.
struct reading {
  struct h5_file *file;
  const char *name;
  enum h5_type type;
  size_t bytes;  // of a row
  struct packing packing;
};

// Reads rows; packed numbers are unpacked.
static bool read_span(const struct reading *reading, int64_t first, int64_t count, void *values,
                      struct error *cause) {
  const bool good =
      h5_read_rows(reading->file, reading->name, reading->type, first, count, values, cause);
  if (good && reading->type == H5_DOUBLE)
    packing_apply(&reading->packing, (size_t)count * (reading->bytes / sizeof(double)), values);
  return good;
}

// Reads the rows at places [begin, end) into `values`.
static bool read_block(const struct reading *reading, const struct source_rows *rows, int64_t begin,
                       int64_t end, char *values, struct error *cause) {
  const int64_t first = rows->index[begin], span = rows->index[end - 1] - first + 1;
  const size_t bytes = reading->bytes;
  const bool gaps = span > end - begin;
  char *all = gaps ? memory_new(char, (size_t)span *bytes) : values;
  const bool good = read_span(reading, first, span, all, cause);
  if (!gaps) return good;
  for (int64_t i = begin; good && i < end; i++)
    memcpy(values + (size_t)(i - begin) * bytes, all + (size_t)(rows->index[i] - first) * bytes,
           bytes);
  memory_free(&all);
  return good;
}

static void read_rows(struct comm *comm, const struct source *source,
                      const struct source_rows *rows, enum element element, void *values,
                      struct error *error) {
  (void)comm;
  if (rows->count == 0) return;
  struct h5_file *file = h5_open(source->path, source->file_key, error);
  if (file == NULL) return;
  struct reading reading = {file, source->name, element == ELEMENT_INT64 ? H5_INT64 : H5_DOUBLE,
                            source_row_bytes(source, element), packing_none()};
  struct error cause = {""};
  bool good = packing_read(file, source->name, source->key, &reading.packing, error);
  for (int64_t i = 0, end; good && i < rows->count; i = end) {
    end = end_of_block(rows, i, reading.bytes);
    good = read_block(&reading, rows, i, end, (char *)values + (size_t)i * reading.bytes, &cause);
  }
  if (error_is_set(&cause)) error_set(error, "%s: %s", source->key, cause.text);
  h5_close(&file);
}

// ---- blocks ----

static void *begin(const struct source *source, const char *path, struct error *error) {
  return h5_open(path, source->file_key, error);
}

static bool read_part(void *file, const char *name, int axes, const int64_t *start,
                      const int64_t *stride, const int64_t *count, double *values,
                      struct error *error) {
  return h5_read_block(file, name, axes, start, stride, count, values, error);
}

static void end(void *file) {
  struct h5_file *opened = file;
  h5_close(&opened);
}

const struct reader reader_hdf5 = {
    .name = "HDF5",
    .matches = matches,
    .open = open_dataset,
    .read = read_rows,
    .begin = begin,
    .block = read_part,
    .end = end,
};
