// Small data files for the tests of the readers: the same samples in every format, what is read of
// them, and mistakes.
#ifndef GFE_DATA_FILES_H
#define GFE_DATA_FILES_H

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "data/dataset.h"
#include "ground/memory.h"
#include "platform/h5.h"
#include "support/mpi_test.h"
#include "support/scratch.h"

enum { SAMPLES = 23, N = 6, TOTAL = SAMPLES * N };

static inline double value(int64_t sample, int64_t entry) {
  return (double)((sample * N + entry) % 101);
}

static inline struct data_options options(const char *file, const char *dataset) {
  struct data_options options = {.first = 0, .count = 0};
  snprintf(options.file, sizeof options.file, "%s",
           file[0] == '\0' || strchr(file, '/') != NULL ? file : scratch_path(file));
  snprintf(options.dataset, sizeof options.dataset, "%s", dataset);
  return options;
}

// ---- files ----

struct buffer {
  size_t size;
  unsigned char bytes[1 << 14];
};

static inline void add(struct buffer *buffer, const void *data, size_t bytes) {
  memcpy(buffer->bytes + buffer->size, data, bytes);
  buffer->size += bytes;
}

// A number of NumPy's type `kind` and `bytes`, in either byte order.
static inline void add_number(struct buffer *buffer, const char *type, bool big, double number) {
  const int bytes = type[1] - '0';
  uint64_t bits = (uint64_t)(int64_t)number;
  if (type[0] == 'f' && bytes == 8) memcpy(&bits, &number, 8);
  if (type[0] == 'f' && bytes == 4) {
    const float single = (float)number;
    uint32_t half;
    memcpy(&half, &single, 4);
    bits = half;
  }
  if (type[0] == 'f' && bytes == 2 && number != 0) {  // a normal number of at most 11 bits
    int exponent;
    const int fraction = (int)ldexp(frexp(fabs(number), &exponent), 11);
    bits = (uint64_t)((number < 0) << 15 | (exponent + 14) << 10 | (fraction & 1023));
  }
  for (int i = 0; i < bytes; i++) {
    const int shift = 8 * (big ? bytes - 1 - i : i);
    add(buffer, &(unsigned char){(unsigned char)(bits >> shift)}, 1);
  }
}

static inline void add_values(struct buffer *buffer, const char *type, bool big) {
  for (int k = 0; k < TOTAL; k++) add_number(buffer, type, big, value(k / N, k % N));
}

static inline void idx_header(struct buffer *buffer, unsigned char code, int axes,
                              const uint32_t *lengths) {
  buffer->size = 0;
  add(buffer, (const unsigned char[]){0, 0, code, (unsigned char)axes}, 4);
  for (int a = 0; a < axes; a++) add_number(buffer, "u4", true, lengths[a]);
}

static inline void npy_header(struct buffer *buffer, int version, const char *descr,
                              const char *rest) {
  char header[256];
  const int length = snprintf(header, sizeof header, "{'descr': %s, %s}\n", descr, rest);
  buffer->size = 0;
  add(buffer, "\x93NUMPY", 6);
  add(buffer, (const unsigned char[]){(unsigned char)version, 0}, 2);
  add_number(buffer, version == 1 ? "u2" : "u4", false, length);
  add(buffer, header, (size_t)length);
}

static inline void write_gzip(struct comm *comm, const char *name, const struct buffer *buffer) {
  if (comm_rank(comm) == 0) {
    gzFile stream = gzopen(scratch_path(name), "wb9");
    gzwrite(stream, buffer->bytes, (unsigned)buffer->size);
    gzclose(stream);
  }
  comm_barrier(comm);
}

static inline void write_buffer(struct comm *comm, const char *name, const struct buffer *buffer) {
  scratch_write(comm, name, buffer->bytes, buffer->size);
}

static const char good_shape[] = "'fortran_order': False, 'shape': (23, 2, 3), ";

// The samples in NumPy's format, numbers of a type in either byte order.
static inline void write_good_npy(struct comm *comm, const char *type, bool big) {
  static struct buffer buffer;
  char descr[8];
  snprintf(descr, sizeof descr, "'%c%s'", big ? '>' : type[1] == '1' ? '|' : '<', type);
  npy_header(&buffer, big ? 2 : 1, descr, good_shape);
  add_values(&buffer, type, big);
  write_buffer(comm, "good.npy", &buffer);
}

// Three numbers, each of them a sample.
static inline void write_flat_npy(struct comm *comm, const char *type) {
  static struct buffer buffer;
  char descr[8];
  snprintf(descr, sizeof descr, "'>%s'", type);
  npy_header(&buffer, 1, descr, "'fortran_order': True, 'shape': (3,), ");
  for (int i = 0; i < 3; i++) add_number(&buffer, type, true, i - 300.0);
  write_buffer(comm, "flat.npy", &buffer);
}

// The samples as IDX, plain and compressed, numbers of a type.
static inline void write_good_idx(struct comm *comm, unsigned char code, const char *type) {
  static struct buffer buffer;
  idx_header(&buffer, code, 3, (const uint32_t[]){SAMPLES, 2, 3});
  add_values(&buffer, type, true);
  write_buffer(comm, "good.idx", &buffer);
  write_gzip(comm, "good.gz", &buffer);
}

// Labels 3, 5, 8 in turn, with a -1 in place of the 5 of sample 13.
static inline int64_t class_of(int64_t sample) {
  return sample == 13 ? -1 : (const int64_t[]){3, 5, 8}[sample % 3];
}

static inline void write_labels(struct comm *comm) {
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "u1", true, 200 + i);
  write_buffer(comm, "labels.idx", &buffer);
  npy_header(&buffer, 1, "'<i8'", "'fortran_order': False, 'shape': (23, 1), ");
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "i8", false, 200 + i);
  write_buffer(comm, "labels.npy", &buffer);
}

// The samples, weights, labels and classes in HDF5. Collective.
static inline void write_good_hdf5(struct comm *comm) {
  const char *path = scratch_path("good.h5");
  if (comm_rank(comm) == 0) {
    struct h5_file *file = h5_create(path, 0);
    h5_group(file, "/set", "");
    h5_dimension(file, "/set", "sample", SAMPLES);
    h5_dimension(file, "/set", "rows", 2);
    h5_dimension(file, "/set", "columns", 3);
    const char *const dimensions[] = {"sample", "rows", "columns"};
    h5_dataset(file, "/set", "images", H5_DOUBLE, 3, dimensions, "1", "");
    h5_dataset(file, "/set", "weights", H5_INT8, 3, dimensions, "1", "");
    h5_dataset(file, "/set", "labels", H5_INT64, 1, dimensions, "1", "");
    h5_dataset(file, "/set", "classes", H5_INT64, 1, dimensions, "1", "");
    h5_close(&file);
  }
  double images[TOTAL];
  int8_t weights[TOTAL];
  int64_t labels[SAMPLES];
  for (int k = 0; k < TOTAL; k++) images[k] = value(k / N, k % N);
  for (int k = 0; k < TOTAL; k++) weights[k] = (int8_t)(k % N == 0 ? 0 : k % 3 + 1);
  for (int i = 0; i < SAMPLES; i++) labels[i] = 200 + i;
  int64_t classes[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) classes[i] = class_of(i);
  const int64_t count = comm_rank(comm) == 0 ? SAMPLES : 0;
  struct h5_file *file = h5_open_parallel(path, comm);
  h5_write_rows(file, "/set/images", H5_DOUBLE, 0, count, images);
  h5_write_rows(file, "/set/weights", H5_INT8, 0, count, weights);
  h5_write_rows(file, "/set/labels", H5_INT64, 0, count, labels);
  h5_write_rows(file, "/set/classes", H5_INT64, 0, count, classes);
  h5_close(&file);
  comm_barrier(comm);
}

// ---- what is read ----

// All ranks' rows [count][n], owned. Collective.
static inline double *gather(struct comm *comm, const struct dataset *dataset) {
  const size_t n = dataset->n;
  double *all = memory_new(double, (size_t)dataset->count *n);
  for (size_t k = 0; k < (size_t)dataset->count * n; k++) all[k] = -INFINITY;
  for (size_t i = 0; i < (size_t)dataset->local_count; i++)
    for (size_t j = 0; j < n; j++)
      all[((size_t)dataset->local_first + i) * n + j] = (double)dataset->y[i * dataset->stride + j];
  comm_max_double(comm, all, (size_t)dataset->count * n);
  return all;
}

// Opens and reads a set; NULL if one of them fails.
static inline struct dataset *read_by(struct comm *comm, const struct data_options *from,
                                      const char *key, const struct dataset_rules *rules,
                                      struct error *error) {
  struct dataset_sources *sources = dataset_open(comm, from, key, 1, error);
  struct dataset *dataset = sources != NULL ? dataset_read(comm, sources, rules, error) : NULL;
  dataset_close(&sources);
  return dataset;
}

static inline struct dataset *read_set(struct comm *comm, const struct data_options *from,
                                       const char *key, enum missing missing, struct error *error) {
  const struct dataset_rules rules = {.missing = {missing, 0.0}, .loss = LOSS_MSE};
  return read_by(comm, from, key, &rules, error);
}

// The scaling of a set whose samples are `channels` of equal size.
static inline struct scaling *scaling_by(struct comm *comm, const struct data_options *from,
                                         struct config_scale scale, int64_t channels,
                                         struct config_missing missing) {
  struct error error = {""};
  struct dataset_sources *sources = dataset_open(comm, from, "data.train", 1, &error);
  comm_settle(comm, &error);
  struct view *view = dataset_take_view(sources);
  memory_free(&view->channel);
  view->channels = channels;
  view->channel = memory_new(struct view_channel, channels);
  struct scaling *scaling =
      dataset_scaling(comm, &scale, dataset_describe(sources).n, sources, view, missing, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  comm_settle(comm, &error);
  view_destroy(&view);
  dataset_close(&sources);
  return scaling;
}

// What is known of a set before it is read.
static inline struct dataset_shape shape_of(struct comm *comm, const struct data_options *from) {
  struct error error = {""};
  struct dataset_sources *sources = dataset_open(comm, from, "data.train", 1, &error);
  CHECK(sources != NULL, "%s", error.text);
  comm_settle(comm, &error);
  const struct dataset_shape shape = dataset_describe(sources);
  dataset_close(&sources);
  CHECK(sources == NULL, "dataset_close leaves a pointer");
  return shape;
}

static inline struct dataset *read_good(struct comm *comm, const struct data_options *from,
                                        enum missing missing) {
  struct error error = {""};
  struct dataset *dataset = read_set(comm, from, "data.train", missing, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  comm_settle(comm, &error);
  return dataset;
}

static inline void check_padding(const struct dataset *dataset) {
  int wrong = 0;
  for (size_t i = 0; i < (size_t)dataset->local_count; i++)
    for (size_t j = dataset->n; j < dataset->stride; j++)
      wrong += dataset->y[i * dataset->stride + j] != 0 ||
               (dataset->w != NULL && dataset->w[i * dataset->stride + j] != 0);
  CHECK(wrong == 0, "%d numbers of the padding are not 0", wrong);
}

// Reads samples [first, first + count) (count 0: to the end) and compares them.
static inline void check_range(struct comm *comm, struct data_options from, int64_t first,
                               int64_t count, bool labels) {
  from.first = first;
  from.count = count;
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  const int64_t expected = count > 0 ? count : SAMPLES - first;
  CHECK(dataset->count == expected && dataset->n == N && dataset->stride == real_padded(N) &&
            dataset->w == NULL,
        "%s: %lld samples", from.file, (long long)dataset->count);
  CHECK(dataset->axes == 2 && dataset->shape[0] == 2 && dataset->shape[1] == 3, "%s: %d axes",
        from.file, dataset->axes);
  double *all = gather(comm, dataset);
  int wrong = 0;
  for (int64_t k = 0; k < expected * N; k++) wrong += all[k] != value(first + k / N, k % N);
  CHECK(wrong == 0, "%s: %d values are wrong", from.file, wrong);
  CHECK((dataset->label != NULL) == labels, "%s: labels", from.file);
  for (int64_t i = 0; i < dataset->local_count; i++) {
    CHECK(dataset->weight_sum[i] == N, "sum of weights %g", dataset->weight_sum[i]);
    CHECK(dataset->index[i] == first + dataset->local_first + i, "index %lld of sample %lld",
          (long long)dataset->index[i], (long long)i);
    CHECK(!labels || dataset->label[i] == 200 + first + dataset->local_first + i,
          "%s: label %lld of sample %lld", from.file, (long long)dataset->label[i], (long long)i);
  }
  check_padding(dataset);
  memory_free(&all);
  dataset_destroy(&dataset);
  CHECK(dataset == NULL, "dataset_destroy leaves a pointer");
}

static inline void check_file(struct comm *comm, struct data_options from, const char *labels) {
  snprintf(from.labels, sizeof from.labels, "%s", labels);
  const struct dataset_shape shape = shape_of(comm, &from);
  CHECK(shape.count == SAMPLES && shape.n == N && shape.axes == 2 && shape.shape[1] == 3 &&
            !shape.weights && shape.labels == (labels[0] != '\0'),
        "%s: %lld samples of %zu", from.file, (long long)shape.count, shape.n);
  check_range(comm, from, 0, 0, labels[0] != '\0');
  check_range(comm, from, 5, 0, labels[0] != '\0');
  check_range(comm, from, 5, 11, labels[0] != '\0');
  check_range(comm, from, 22, 1, labels[0] != '\0');
}

static inline struct config_integers integers(int count, const int64_t *values) {
  struct config_integers list = {.count = count};
  memcpy(list.values, values, (size_t)count * sizeof *values);
  return list;
}

// ---- mistakes ----

// Expects all ranks to agree that there is a mistake and some rank to say `expected`.
static inline void expect(struct comm *comm, const struct data_options *from,
                          const char *expected) {
  struct error error = {""};
  struct dataset *dataset = read_set(comm, from, "data.test", MISSING_ERROR, &error);
  int64_t said = strstr(error.text, expected) != NULL && strstr(error.text, "data.test") != NULL;
  comm_max_int64(comm, &said, 1);
  CHECK(said == 1, "\"%s\" expected: \"%s\"", expected, error.text);
  dataset_destroy(&dataset);
}

static inline void expect_file(struct comm *comm, const char *file, const char *expected) {
  const struct data_options from = options(file, "");
  expect(comm, &from, expected);
}

#endif
