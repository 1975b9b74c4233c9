// The binary version of CIFAR-10: records of one byte for the label and 3 x 32 x 32 for the image,
// channel by channel, without a header. https://www.cs.toronto.edu/~kriz/cifar.html
//
// Nothing in such a file identifies it, so its name must: it ends in ".bin". A directory that
// holds data_batch_1.bin is one set of all its data_batch_N.bin, in this order.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/reader.h"
#include "ground/memory.h"

enum { CHANNELS = 3, WIDTH = 32, IMAGE = CHANNELS * WIDTH * WIDTH, RECORD = 1 + IMAGE };
enum {
  CLASSES = 10,
  PROBED = 100,
  PATH = CONFIG_TEXT + 32
};  // PROBED: records examined on opening

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length > tail && strcmp(text + length - tail, end) == 0;
}

static bool is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// The k-th file of a source, from 0; false if there is no such file.
static bool batch_path(const char *path, int k, char batch[PATH]) {
  struct stat status;
  const bool directory = is_directory(path);
  snprintf(batch, PATH, "%s", path);
  if (directory) snprintf(batch, PATH, "%s/data_batch_%d.bin", path, k + 1);
  return (directory || k == 0) && stat(batch, &status) == 0;
}

static bool matches(const char *path, const unsigned char *head, size_t size) {
  (void)head, (void)size;
  char batch[PATH];
  return is_directory(path) ? batch_path(path, 0, batch) : ends_with(path, ".bin");
}

static bool check_labels(FILE *stream, const char *path, int64_t records,
                         const struct source *source, struct error *error) {
  for (int64_t i = 0; i < records && i < PROBED; i++) {
    unsigned char label;
    if (fseeko(stream, i * RECORD, SEEK_SET) != 0 || fread(&label, 1, 1, stream) != 1)
      return error_set(error, "%s: cannot read %s: %s", source->label, path, strerror(errno));
    if (label >= CLASSES)
      return error_set(error,
                       "%s: %s is not a CIFAR-10 batch, as .bin implies: image %lld has the "
                       "label %d, not 0 to 9",
                       source->label, path, (long long)i, label);
  }
  return true;
}

// Adds the records of one file to source->shape[0].
static bool add_batch(struct source *source, const char *path, struct error *error) {
  FILE *stream = source_file(source, path, error);
  if (stream == NULL) return false;
  if (fseeko(stream, 0, SEEK_END) != 0) {
    error_set(error, "%s: %s: %s", source->label, path, strerror(errno));
    fclose(stream);
    return false;
  }
  const int64_t size = (int64_t)ftello(stream);
  source->shape[0] += size / RECORD;
  const bool good = size % RECORD == 0 ? check_labels(stream, path, size / RECORD, source, error)
                                       : error_set(error,
                                                   "%s: %s is not a whole CIFAR-10 batch, as .bin "
                                                   "implies: its %lld bytes are not a multiple of "
                                                   "%d",
                                                   source->label, path, (long long)size, RECORD);
  fclose(stream);
  return good;
}

static bool wants_labels(const struct source *source) {
  return strcmp(source->name, SOURCE_OWN_LABELS) == 0;
}

static bool open_batches(struct source *source, struct error *error) {
  char path[PATH];
  source->axes = wants_labels(source) ? 1 : 4;
  memcpy(source->shape, (const int64_t[]){0, CHANNELS, WIDTH, WIDTH}, 4 * sizeof *source->shape);
  source->integer = true;
  for (int k = 0; batch_path(source->path, k, path); k++)
    if (!add_batch(source, path, error)) return false;
  return true;
}

// Of the records `index` of a source that a file holds from record `begun` on, `bytes` bytes from
// `offset` on of each.
static bool read_records(FILE *stream, const struct source_rows *records, int64_t begun,
                         int64_t offset, size_t bytes, enum element element, char *values) {
  unsigned char raw[IMAGE];
  bool good = true;
  for (int64_t i = 0; i < records->count && good; i++, values += bytes * element_size(element)) {
    good = fseeko(stream, (records->index[i] - begun) * RECORD + offset, SEEK_SET) == 0 &&
           fread(raw, 1, bytes, stream) == bytes;
    if (good) element_convert((struct element_format){'u', 1, false}, raw, bytes, element, values);
  }
  return good;
}

static void read_rows(struct comm *comm, const struct source *source,
                      const struct source_rows *rows, enum element element, void *values,
                      struct error *error) {
  (void)comm;
  const size_t bytes = wants_labels(source) ? 1 : IMAGE;
  char path[PATH];
  struct stat status;
  struct source_rows part = {rows->index, 0};  // of one file
  int64_t begun = 0, done = 0;                 // records of the files before, rows read
  for (int k = 0; done < rows->count && batch_path(source->path, k, path); k++) {
    if (stat(path, &status) != 0) break;
    const int64_t end = begun + (int64_t)status.st_size / RECORD;
    for (part.count = 0; done + part.count < rows->count && part.index[part.count] < end;)
      part.count++;
    if (part.count > 0) {
      errno = 0;
      FILE *stream = fopen(path, "rb");
      const bool good = stream != NULL &&
                        read_records(stream, &part, begun, bytes == 1 ? 0 : 1, bytes, element,
                                     (char *)values + (size_t)done * bytes * element_size(element));
      if (!good)
        error_set(error, "%s: cannot read images of %s: %s", source->label, path,
                  errno != 0 ? strerror(errno) : "the file has become shorter");
      if (stream != NULL) fclose(stream);
      if (!good) return;
    }
    done += part.count;
    part.index += part.count;
    begun = end;
  }
  if (done < rows->count) error_set(error, "%s: the files have become shorter", source->label);
}

const struct reader reader_cifar = {
    .name = "CIFAR-10 (.bin)",
    .own_labels = true,
    .matches = matches,
    .open = open_batches,
    .read = read_rows,
};
