// Readers of data files, one file and one row of the table in dataset_open.c per format. For
// dataset*.c only.
#ifndef GFE_DATASET_READER_H
#define GFE_DATASET_READER_H

#include "data/dataset.h"

enum { SOURCE_AXES = DATASET_AXES + 1, SOURCE_LABEL = 2 * CONFIG_TEXT + 128 };

#define SOURCE_OWN_LABELS "labels"

// How a file stores its numbers.
struct element_format {
  char kind;  // 'i', 'u' or 'f' as in NumPy
  int bytes;  // 1, 2, 4 or 8
  bool big_endian;
};

// What rows are converted to.
enum element { ELEMENT_REAL, ELEMENT_INT64 };

// An array of numbers in a file, its first axis the sample: what rank 0 finds out when it opens the
// file and all ranks know when they read from it. Plain data, broadcast as bytes.
struct dataset_source {
  char label[SOURCE_LABEL];  // for messages: "data.train.labels = x.npy"
  char key[64];              // "data.train.labels"
  char file_key[64];         // "data.train.file" for HDF5, else as key
  char path[CONFIG_TEXT];
  char name[CONFIG_TEXT];  // HDF5: path of the dataset inside; or SOURCE_OWN_LABELS
  int reader;              // its row in the table
  int axes;                // may be 0 for a file that holds a single number
  int64_t shape[SOURCE_AXES];
  bool integer;
  // IDX, .npy
  struct element_format format;
  int64_t offset;  // of the first number in the file
  // circle
  uint64_t seed;
};

// Rows [first, first + count) of a source, shared by all ranks as comm_share_first() says.
struct dataset_range {
  int64_t first, count;
};

// The rows of a source that this rank wants, in rising order.
struct dataset_rows {
  const int64_t *index;  // [count], borrowed
  int64_t count;
};

struct reader {
  const char *name;          // as in messages
  enum generator generator;  // GENERATE_NONE for a file format
  bool own_labels;           // the labels stand beside the samples: the array SOURCE_OWN_LABELS

  // Whether the file, or with size 0 the directory, is of this format, of which the first `size`
  // bytes are `head`. NULL for a synthetic set.
  bool (*matches)(const char *path, const unsigned char *head, size_t size);

  // Fills axes, shape, integer and what read() needs, and finds out whether the file is complete
  // where that is cheap. By rank 0 alone.
  bool (*open)(struct dataset_source *source, struct error *error);

  // Reads this rank's rows into `values`, gap-free; no rank wants a row before one of a lower
  // rank's. Collective; an error on one rank keeps no other waiting.
  void (*read)(struct comm *comm, const struct dataset_source *source,
               const struct dataset_rows *rows, enum element element, void *values,
               struct error *error);
};

extern const struct reader reader_hdf5, reader_idx, reader_npy, reader_cifar, reader_circle;

// All of them: a source's `reader` is its place here.
extern const struct reader *const readers[];
extern const int reader_count;

// Reads this rank's rows of a source by its reader. Collective.
void dataset_read_rows(struct comm *comm, const struct dataset_source *source,
                       const struct dataset_rows *rows, enum element element, void *values,
                       struct error *error);

// How many rows from place `i` of `rows` on follow each other in the source, and the bytes that one
// takes among the values.
int64_t dataset_run(const struct dataset_rows *rows, int64_t i);
size_t dataset_row_bytes(const struct dataset_source *source, enum element element);

// This rank's part of a range.
struct dataset_range dataset_share(const struct comm *comm, struct dataset_range range);

// Numbers in a row; the product of an array's lengths (both at least 0) and its bytes. -1 if they
// do not fit an int64_t.
int64_t source_row(const struct dataset_source *source);
int64_t source_bytes(const struct dataset_source *source);

// Converts `count` numbers of a file to real or int64_t.
void element_convert(struct element_format format, const unsigned char *raw, size_t count,
                     enum element element, void *values);
size_t element_size(enum element element);

// The sources of data.train, data.test or data.encode.
struct dataset_sources {
  struct dataset_source samples, labels, weights;  // labels and weights: axes 0 if not given
  struct dataset_range range;
  int64_t count;  // samples selected from the range
  // This rank's part of those of the range that are of the classes wanted: `before` are on lower
  // ranks, `total` on all. `candidates` is owned, NULL if all of the range are.
  int64_t *candidates;
  int64_t candidate_count, before, total;
};

// Opens and checks all of them, by rank 0, and counts the samples that are selected. False, on all
// ranks alike, with a message on one at least. Collective.
bool dataset_open(struct comm *comm, const struct data_options *options, const char *key,
                  uint64_t seed, struct dataset_sources *sources, struct error *error);
void dataset_close(struct dataset_sources *sources);

// Finds the candidates and counts what is selected of them, for dataset_open(). The same errors.
// Collective.
bool dataset_count(struct comm *comm, const struct data_options *options, const char *key,
                   struct dataset_sources *sources, struct error *error);

// The rows of this rank's share of the selected samples, owned. Collective.
int64_t *dataset_select(struct comm *comm, const struct data_options *options,
                        const struct dataset_sources *sources);

#endif
