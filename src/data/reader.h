// Readers of data files: one file and one row of the table in reader.c per format. For src/data
// only.
#ifndef GFE_READER_H
#define GFE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ground/error.h"
#include "ground/real.h"
#include "input/config.h"
#include "platform/comm.h"

struct view_plan;

enum { SOURCE_AXES = 9, SOURCE_LABEL = 2 * CONFIG_TEXT + 128, SOURCE_OWN = 32 };

#define SOURCE_OWN_LABELS "labels"

// An array of numbers in a file, with samples along its first axis: what rank 0 finds out when it
// opens the file, and what all ranks know when they read from it. Plain data, broadcast as bytes.
struct source {
  char label[SOURCE_LABEL];  // for messages: "data.train.labels = x.npy"
  char key[64];              // "data.train.labels"
  char file_key[64];         // "data.train.file" for HDF5, else as key
  char path[CONFIG_TEXT];
  char name[CONFIG_TEXT];  // HDF5: path of the dataset inside; or SOURCE_OWN_LABELS
  uint64_t seed;           // of a synthetic set
  struct view_plan *plan;  // of reader_view: how samples are put together, borrowed; else NULL
  int reader;              // its row in the table
  // By open():
  int axes;  // may be 0 for a file that holds a single number
  int64_t shape[SOURCE_AXES];
  bool integer;
  bool marks_missing;  // the file says which numbers are missing: they are NaN when read as double
  unsigned char own[SOURCE_OWN];  // what the reader keeps for read(), see source_keep()
};

// Rows [first, first + count) of a source, shared by all ranks as comm_share_first() says.
struct source_range {
  int64_t first, count;
};

// The rows of a source that this rank needs, in ascending order.
struct source_rows {
  const int64_t *index;  // [count], borrowed
  int64_t count;
};

// What rows are converted to.
enum element { ELEMENT_DOUBLE, ELEMENT_INT64 };

struct reader {
  const char *name;          // as in messages
  enum generator generator;  // GENERATE_NONE for a file format
  bool own_labels;           // the labels are stored with the samples: the array SOURCE_OWN_LABELS

  // Whether the file with the first `size` bytes `head` (or, for size 0, the directory) is of this
  // format. NULL for a synthetic set.
  bool (*matches)(const char *path, const unsigned char *head, size_t size);

  // Fills axes, shape, integer and what read() needs, and finds out whether the file is complete
  // where that is cheap. By rank 0 alone.
  bool (*open)(struct source *source, struct error *error);

  // Reads this rank's rows into `values`, gap-free; no rank needs a row before those of a lower
  // rank. Collective; an error on one rank does not keep the others waiting.
  void (*read)(struct comm *comm, const struct source *source, const struct source_rows *rows,
               enum element element, void *values, struct error *error);

  // For views, NULL where a format has none: a file of the source is opened by a rank on its own
  // (NULL with a message), blocks are read from it, and it is closed. A block is count[a] places
  // along each axis of the array `name`, from start[a] on and stride[a] apart, as doubles,
  // gap-free, the last axis fastest.
  void *(*begin)(const struct source *source, const char *path, struct error *error);
  bool (*block)(void *file, const char *name, int axes, const int64_t *start, const int64_t *stride,
                const int64_t *count, double *values, struct error *error);
  void (*end)(void *file);
};

extern const struct reader reader_hdf5, reader_idx, reader_npy, reader_cifar, reader_circle,
    reader_view;  // blocks of the files of another, put together

// All of them: a source's `reader` is its place here.
extern const struct reader *const readers[];
extern const int reader_count;

// Reads this rank's rows of a source with its reader. Collective.
void source_read(struct comm *comm, const struct source *source, const struct source_rows *rows,
                 enum element element, void *values, struct error *error);

// Numbers in a row of a source, -1 if they do not fit an int64_t; the bytes that a row takes among
// the values.
int64_t source_row(const struct source *source);
size_t source_row_bytes(const struct source *source, enum element element);

// How many rows, from place `i` of `rows` on, are consecutive in the source.
int64_t source_run(const struct source_rows *rows, int64_t i);

// This rank's part of a range.
struct source_range source_share(const struct comm *comm, struct source_range range);

// ---- for readers ----

// Copies `bytes` bytes, at most SOURCE_OWN, to or from source->own.
void source_keep(struct source *source, const void *data, size_t bytes);
void source_recall(const struct source *source, void *data, size_t bytes);

// How a file stores its numbers.
struct element_format {
  char kind;  // 'i', 'u' or 'f' as in NumPy
  int bytes;  // 1, 2, 4 or 8
  bool big_endian;
};

// Opens a file of a source for reading; NULL with a message if that fails or if it is neither a
// regular file nor a directory: opening a pipe could wait for ever.
FILE *source_file(const struct source *source, const char *path, struct error *error);

// Bytes of all numbers of a source at the given size, -1 if that does not fit an int64_t.
int64_t source_bytes(const struct source *source, int bytes);

// Converts `count` numbers of a file to double or int64_t; an unsigned integer that does not fit
// becomes negative.
void element_convert(struct element_format format, const unsigned char *raw, size_t count,
                     enum element element, void *values);
size_t element_size(enum element element);

#endif
