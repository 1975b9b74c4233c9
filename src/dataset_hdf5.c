#include <stdio.h>

#include "dataset_reader.h"
#include "h5.h"

_Static_assert((int)H5_AXES <= (int)SOURCE_AXES, "a source must hold the axes of an HDF5 dataset");

static bool matches(const char *path, const unsigned char *head, size_t size) {
  (void)head, (void)size;
  return h5_is_hdf5(path);
}

// data.*.dataset is missing: names what the file has.
static bool ask_for_name(struct h5_file *file, const struct dataset_source *source,
                         struct error *error) {
  char list[2048];
  h5_list(file, "", list, sizeof list);
  return error_set(error, "%s is missing: %s is an HDF5 file, in which the samples have a path; %s",
                   source->key, source->path, list);
}

static bool open_dataset(struct dataset_source *source, struct error *error) {
  struct h5_file *file = h5_open(source->path, source->file_key, error);
  if (file == NULL) return false;
  const bool good = source->name[0] == '\0' ? ask_for_name(file, source, error)
                                            : h5_shape(file, source->name, source->key,
                                                       &source->axes, source->shape, error);
  source->integer = good && h5_is_integer(file, source->name);
  h5_close(&file);
  return good;
}

static void read_rows(struct comm *comm, const struct dataset_source *source,
                      const struct dataset_rows *rows, enum element element, void *values,
                      struct error *error) {
  (void)comm;
  if (rows->count == 0) return;
  struct h5_file *file = h5_open(source->path, source->file_key, error);
  if (file == NULL) return;
  const enum h5_type type = element == ELEMENT_REAL ? H5_REAL : H5_INT64;
  const size_t bytes = dataset_row_bytes(source, element);
  struct error cause = {""};
  bool good = true;
  for (int64_t i = 0, run; good && i < rows->count; i += run) {
    run = dataset_run(rows, i);
    good = h5_read_rows(file, source->name, type, rows->index[i], run,
                        (char *)values + (size_t)i * bytes, &cause);
  }
  if (!good) error_set(error, "%s: %s", source->key, cause.text);
  h5_close(&file);
}

const struct dataset_reader dataset_reader_hdf5 = {
    .name = "HDF5",
    .matches = matches,
    .open = open_dataset,
    .read = read_rows,
};
