// Every format against the values that were written; ranges, labels, weights, missing entries,
// scaling; wrong files.
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "data/dataset.h"
#include "ground/memory.h"
#include "platform/comm.h"
#include "platform/h5.h"
#include "support/mpi_test.h"
#include "support/scratch.h"

enum { SAMPLES = 23, N = 6, TOTAL = SAMPLES * N };

static double value(int64_t sample, int64_t entry) { return (double)((sample * N + entry) % 101); }

static struct data_options options(const char *file, const char *dataset) {
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

static void add(struct buffer *buffer, const void *data, size_t bytes) {
  memcpy(buffer->bytes + buffer->size, data, bytes);
  buffer->size += bytes;
}

// A number of NumPy's type `kind` and `bytes`, in either byte order.
static void add_number(struct buffer *buffer, const char *type, bool big, double number) {
  const int bytes = type[1] - '0';
  uint64_t bits = (uint64_t)(int64_t)number;
  if (type[0] == 'f' && bytes == 8) memcpy(&bits, &number, 8);
  if (type[0] == 'f' && bytes == 4) {
    const float single = (float)number;
    uint32_t half;
    memcpy(&half, &single, 4);
    bits = half;
  }
  for (int i = 0; i < bytes; i++) {
    const int shift = 8 * (big ? bytes - 1 - i : i);
    add(buffer, &(unsigned char){(unsigned char)(bits >> shift)}, 1);
  }
}

static void add_values(struct buffer *buffer, const char *type, bool big) {
  for (int k = 0; k < TOTAL; k++) add_number(buffer, type, big, value(k / N, k % N));
}

static void idx_header(struct buffer *buffer, unsigned char code, int axes,
                       const uint32_t *lengths) {
  buffer->size = 0;
  add(buffer, (const unsigned char[]){0, 0, code, (unsigned char)axes}, 4);
  for (int a = 0; a < axes; a++) add_number(buffer, "u4", true, lengths[a]);
}

static void npy_header(struct buffer *buffer, int version, const char *descr, const char *rest) {
  char header[256];
  const int length = snprintf(header, sizeof header, "{'descr': %s, %s}\n", descr, rest);
  buffer->size = 0;
  add(buffer, "\x93NUMPY", 6);
  add(buffer, (const unsigned char[]){(unsigned char)version, 0}, 2);
  add_number(buffer, version == 1 ? "u2" : "u4", false, length);
  add(buffer, header, (size_t)length);
}

static void write_gzip(struct comm *comm, const char *name, const struct buffer *buffer) {
  if (comm_rank(comm) == 0) {
    gzFile stream = gzopen(scratch_path(name), "wb9");
    gzwrite(stream, buffer->bytes, (unsigned)buffer->size);
    gzclose(stream);
  }
  comm_barrier(comm);
}

static void write_buffer(struct comm *comm, const char *name, const struct buffer *buffer) {
  scratch_write(comm, name, buffer->bytes, buffer->size);
}

static const char good_shape[] = "'fortran_order': False, 'shape': (23, 2, 3), ";

// Labels 3, 5, 8 in turn, with a -1 in place of the 5 of sample 13.
static int64_t class_of(int64_t sample) {
  return sample == 13 ? -1 : (const int64_t[]){3, 5, 8}[sample % 3];
}

static void write_labels(struct comm *comm) {
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "u1", true, 200 + i);
  write_buffer(comm, "labels.idx", &buffer);
  npy_header(&buffer, 1, "'<i8'", "'fortran_order': False, 'shape': (23, 1), ");
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "i8", false, 200 + i);
  write_buffer(comm, "labels.npy", &buffer);
}

// ---- a set as a whole ----

// All ranks' rows [count][n], owned. Collective.
static double *gather(struct comm *comm, const struct dataset *dataset) {
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
static struct dataset *read_set(struct comm *comm, const struct data_options *from, const char *key,
                                enum missing missing, struct error *error) {
  struct dataset_sources *sources = dataset_open(comm, from, key, 1, error);
  struct dataset *dataset = sources != NULL ? dataset_read(comm, sources, missing, error) : NULL;
  dataset_close(&sources);
  return dataset;
}

// What is known of a set before it is read.
static struct dataset_shape shape_of(struct comm *comm, const struct data_options *from) {
  struct error error = {""};
  struct dataset_sources *sources = dataset_open(comm, from, "data.train", 1, &error);
  CHECK(sources != NULL, "%s", error.text);
  comm_settle(comm, &error);
  const struct dataset_shape shape = dataset_describe(sources);
  dataset_close(&sources);
  CHECK(sources == NULL, "dataset_close leaves a pointer");
  return shape;
}

static struct dataset *read_good(struct comm *comm, const struct data_options *from,
                                 enum missing missing) {
  struct error error = {""};
  struct dataset *dataset = read_set(comm, from, "data.train", missing, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  comm_settle(comm, &error);
  return dataset;
}

static void check_padding(const struct dataset *dataset) {
  int wrong = 0;
  for (size_t i = 0; i < (size_t)dataset->local_count; i++)
    for (size_t j = dataset->n; j < dataset->stride; j++)
      wrong += dataset->y[i * dataset->stride + j] != 0 ||
               (dataset->w != NULL && dataset->w[i * dataset->stride + j] != 0);
  CHECK(wrong == 0, "%d numbers of the padding are not 0", wrong);
}

// Reads samples [first, first + count) (count 0: to the end) and compares them.
static void check_range(struct comm *comm, struct data_options from, int64_t first, int64_t count,
                        bool labels) {
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

static void check_file(struct comm *comm, struct data_options from, const char *labels) {
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

// ---- formats ----

static void test_idx(struct comm *comm) {
  static const struct {
    unsigned char code;
    const char *type;
  } types[] = {{0x08, "u1"}, {0x09, "i1"}, {0x0B, "i2"}, {0x0C, "i4"}, {0x0D, "f4"}, {0x0E, "f8"}};
  static struct buffer buffer;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    idx_header(&buffer, types[t].code, 3, (const uint32_t[]){SAMPLES, 2, 3});
    add_values(&buffer, types[t].type, true);
    write_buffer(comm, "good.idx", &buffer);
    write_gzip(comm, "good.gz", &buffer);
    check_file(comm, options("good.idx", ""), t == 0 ? "labels.idx" : "");
    check_file(comm, options("good.gz", ""), t == 0 ? scratch_path("labels.npy") : "");
  }
}

static void test_npy(struct comm *comm) {
  static const char *const types[] = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"};
  static struct buffer buffer;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    for (int big = 0; big < 2; big++) {
      char descr[8];
      snprintf(descr, sizeof descr, "'%c%s'", big ? '>' : types[t][1] == '1' ? '|' : '<', types[t]);
      npy_header(&buffer, big ? 2 : 1, descr, good_shape);
      add_values(&buffer, types[t], big);
      write_buffer(comm, "good.npy", &buffer);
      check_file(comm, options("good.npy", ""), t == 0 ? "labels.npy" : "");
    }
  }
  // Flat files: a sample is one number. Labels may not be floats, see test_wrong_companions().
  static const char *const flat[] = {"i2", "i8", "f4"};
  for (int t = 0; t < 3; t++) {
    char descr[8];
    snprintf(descr, sizeof descr, "'>%s'", flat[t]);
    npy_header(&buffer, 1, descr, "'fortran_order': True, 'shape': (3,), ");
    for (int i = 0; i < 3; i++) add_number(&buffer, flat[t], true, i - 300.0);
    write_buffer(comm, "flat.npy", &buffer);
    const struct data_options from = options("flat.npy", "");
    struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
    double *all = gather(comm, dataset);
    CHECK(dataset->n == 1 && dataset->axes == 0 && all[0] == -300 && all[2] == -298, "%s: %g",
          flat[t], all[0]);
    memory_free(&all);
    dataset_destroy(&dataset);
  }
}

// A batch of CIFAR-10 whose image k has the label k mod 10 and pixels that tell where they are.
enum { CIFAR_IMAGE = 3 * 32 * 32 };

static unsigned char cifar_pixel(int64_t image, int64_t entry) {
  return (unsigned char)((image * 31 + entry * 7 + entry / 1024 * 5) % 251);
}

static void write_cifar(struct comm *comm, const char *name, int first, int count, int more) {
  if (comm_rank(comm) == 0) {
    FILE *file = fopen(scratch_path(name), "wb");
    for (int image = first; image < first + count; image++) {
      fputc(image % 10, file);
      for (int entry = 0; entry < CIFAR_IMAGE; entry++) fputc(cifar_pixel(image, entry), file);
    }
    for (int i = 0; i < more; i++) fputc(99, file);
    fclose(file);
  }
  comm_barrier(comm);
}

static void check_cifar(struct comm *comm, const char *name, int64_t first, int64_t count,
                        int64_t expected) {
  struct data_options from = options(scratch_path(name), "");
  struct error error = {""};
  from.first = first;
  from.count = count;
  struct dataset *dataset = read_set(comm, &from, "data.train", MISSING_ERROR, &error);
  CHECK(dataset != NULL, "%s: %s", name, error.text);
  if (dataset == NULL) return;
  CHECK(dataset->count == expected && dataset->axes == 3 && dataset->shape[0] == 3 &&
            dataset->shape[1] == 32 && dataset->shape[2] == 32,
        "%s: %lld images", name, (long long)dataset->count);
  int64_t wrong = 0, labels = 0;
  for (int64_t i = 0; i < dataset->local_count; i++) {
    const int64_t image = first + dataset->local_first + i;
    labels += dataset->label == NULL || dataset->label[i] != image % 10;
    for (int64_t entry = 0; entry < CIFAR_IMAGE; entry++)
      wrong += dataset->y[i * (int64_t)dataset->stride + entry] != (real)cifar_pixel(image, entry);
  }
  CHECK(wrong == 0 && labels == 0, "%s: %lld pixels, %lld labels are wrong", name, (long long)wrong,
        (long long)labels);
  dataset_destroy(&dataset);
}

static void test_cifar(struct comm *comm) {
  if (comm_rank(comm) == 0) mkdir(scratch_path("batches"), 0700);
  comm_barrier(comm);
  write_cifar(comm, "batches/data_batch_1.bin", 0, 7, 0);
  write_cifar(comm, "batches/data_batch_2.bin", 7, 1, 0);
  write_cifar(comm, "batches/data_batch_3.bin", 8, 5, 0);
  write_cifar(comm, "batches/data_batch_5.bin", 90, 5, 0);  // without a fourth it does not count
  write_cifar(comm, "batches/test_batch.bin", 0, 9, 0);
  check_cifar(comm, "batches/test_batch.bin", 0, 0, 9);
  check_cifar(comm, "batches/test_batch.bin", 5, 3, 3);
  check_cifar(comm, "batches", 0, 0, 13);
  check_cifar(comm, "batches", 6, 4, 4);
  check_cifar(comm, "batches", 12, 1, 1);
  comm_barrier(comm);
  if (comm_rank(comm) > 0) return;
  const char *const files[] = {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_5",
                               "test_batch"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char name[64];
    snprintf(name, sizeof name, "batches/%s.bin", files[i]);
    unlink(scratch_path(name));
  }
  rmdir(scratch_path("batches"));
}

static void test_hdf5(struct comm *comm) {
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
  check_file(comm, options("good.h5", "/set/images"), "/set/labels");
}

// The subset of Fashion-MNIST that the repository holds: its first training image is an ankle boot,
// whose byte at row 3, column 16 is 73.
static void test_embedded(struct comm *comm) {
  struct data_options from = options("inputs/data/fashion_mnist_small.h5", "/train/images");
  snprintf(from.labels, sizeof from.labels, "/train/labels");
  from.count = 2;
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  double *all = gather(comm, dataset);
  CHECK(dataset->n == 784 && dataset->axes == 2 && all[3 * 28 + 16] == 73, "%g", all[3 * 28 + 16]);
  if (dataset->local_first == 0 && dataset->local_count > 0)
    CHECK(dataset->label[0] == 9, "label %lld", (long long)dataset->label[0]);
  memory_free(&all);
  dataset_destroy(&dataset);
}

static void test_circle(struct comm *comm) {
  struct data_options from = {.generate = GENERATE_CIRCLE, .count = 1000};
  struct dataset *whole = read_good(comm, &from, MISSING_ERROR);
  from.first = 400;
  from.count = 7;
  struct dataset *part = read_good(comm, &from, MISSING_ERROR);
  double *all = gather(comm, whole), *some = gather(comm, part);
  CHECK(whole->n == 2 && whole->axes == 1 && whole->shape[0] == 2, "points of %zu numbers",
        whole->n);
  CHECK(memcmp(some, all + 2 * 400, 14 * sizeof *some) == 0, "a sample depends on the range");
  int quadrants[4] = {0};
  for (int i = 0; i < 1000; i++) {
    CHECK(fabs(hypot(all[2 * i], all[2 * i + 1]) - 1) < 1e-6, "point %d is not on the circle", i);
    quadrants[2 * (all[2 * i] > 0) + (all[2 * i + 1] > 0)]++;
  }
  for (int q = 0; q < 4; q++) CHECK(abs(quadrants[q] - 250) < 60, "%d points", quadrants[q]);
  mpi_test_same_bits(comm, "circle", all, 2000 * sizeof *all);
  memory_free(&all);
  memory_free(&some);
  dataset_destroy(&whole);
  dataset_destroy(&part);
}

// ---- selection ----

static void write_classes(struct comm *comm) {
  static struct buffer buffer;
  idx_header(&buffer, 0x09, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "i1", true, (double)class_of(i));
  write_buffer(comm, "classes.idx", &buffer);
  write_gzip(comm, "classes.gz", &buffer);
}

// What the documentation says, for the range, classes and stride: a filter of one sample after the
// other. Returns the number of samples kept.
static int64_t filter(const struct data_options *from, int64_t kept[SAMPLES]) {
  int64_t count = 0, candidates = 0;
  const int64_t end = from->count > 0 ? from->first + from->count : SAMPLES;
  for (int64_t i = from->first; i < end; i++) {
    bool wanted = from->classes.count == 0;
    for (int64_t c = 0; c < from->classes.count; c++)
      wanted = wanted || from->classes.values[c] == class_of(i);
    if (!wanted) continue;
    if (candidates++ % (from->stride > 1 ? from->stride : 1) == 0) kept[count++] = i;
  }
  return count;
}

// Reads the set and compares it with the rows of the file that `kept` names.
static void check_selection(struct comm *comm, const struct data_options *from, int64_t count,
                            const int64_t *kept) {
  const struct dataset_shape shape = shape_of(comm, from);
  CHECK(shape.count == count, "%s: %lld samples described, not %lld", from->file,
        (long long)shape.count, (long long)count);
  struct dataset *dataset = read_good(comm, from, MISSING_ERROR);
  CHECK(dataset->count == count, "%s: %lld samples, not %lld", from->file,
        (long long)dataset->count, (long long)count);
  CHECK(dataset->local_first == comm_share_first(count, comm_size(comm), comm_rank(comm)), "share");
  int wrong = 0;
  for (int64_t i = 0; i < dataset->local_count && dataset->count == count; i++) {
    const int64_t sample = kept[dataset->local_first + i];
    wrong += dataset->index[i] != sample || dataset->label[i] != class_of(sample);
    for (int64_t j = 0; j < N; j++)
      wrong += dataset->y[i * (int64_t)dataset->stride + j] != (real)value(sample, j);
  }
  CHECK(wrong == 0, "%s: %d values, indices or labels are wrong", from->file, wrong);
  dataset_destroy(&dataset);
}

static struct config_integers integers(int count, const int64_t *values) {
  struct config_integers list = {.count = count};
  memcpy(list.values, values, (size_t)count * sizeof *values);
  return list;
}

static void test_classes_and_stride(struct comm *comm, const char *file, const char *dataset,
                                    const char *labels) {
  static const int64_t classes[][3] = {{8, 3}, {5, 3, 8}, {-1}};
  static const int class_counts[] = {2, 3, 1};
  struct data_options from = options(file, dataset);
  snprintf(from.labels, sizeof from.labels, "%s", labels);
  for (int c = 0; c < 4; c++) {
    from.classes = (struct config_integers){0};
    if (c < 3) from.classes = integers(class_counts[c], classes[c]);
    for (from.stride = 0; from.stride < 9; from.stride += 2) {
      for (from.first = 0; from.first < 12; from.first += 5) {
        for (from.count = 0; from.count < 14; from.count += 13) {
          int64_t kept[SAMPLES];
          if (from.first + from.count > SAMPLES || (c == 2 && from.first + from.count == 13))
            continue;
          check_selection(comm, &from, filter(&from, kept), kept);
        }
      }
    }
  }
}

// The members of all ranks. Collective.
static void find_members(struct comm *comm, const struct data_options *from,
                         int64_t members[SAMPLES]) {
  struct dataset *dataset = read_good(comm, from, MISSING_ERROR);
  for (int64_t i = 0; i < SAMPLES; i++) members[i] = 0;
  for (int64_t i = 0; i < dataset->local_count; i++) members[dataset->index[i]] = 1;
  comm_sum_int64(comm, members, SAMPLES);
  dataset_destroy(&dataset);
}

// A subset has its size, lies in the candidates, holds the smaller ones of its seed, and every
// sample is drawn by about as many seeds as the next.
static void test_subset(struct comm *comm) {
  enum { SEEDS = 60 };
  struct data_options from = options("good.npy", "");
  snprintf(from.labels, sizeof from.labels, "classes.idx");
  from.classes = integers(2, (const int64_t[]){3, 8});
  from.first = 1;
  from.stride = 2;
  int64_t kept[SAMPLES], candidate[SAMPLES] = {0}, drawn[SAMPLES] = {0};
  const int64_t left = filter(&from, kept);
  for (int64_t k = 0; k < left; k++) candidate[kept[k]] = 1;
  for (from.subset_seed = 0; from.subset_seed < SEEDS; from.subset_seed++) {
    int64_t smaller[SAMPLES] = {0}, members[SAMPLES];
    for (from.subset = 1; from.subset <= left; from.subset += 2) {
      find_members(comm, &from, members);
      int64_t size = 0, outside = 0, lost = 0;
      for (int64_t i = 0; i < SAMPLES; i++) {
        size += members[i];
        outside += members[i] > candidate[i];
        lost += smaller[i] > members[i];
        if (from.subset == 3) drawn[i] += members[i];
      }
      CHECK(size == from.subset && outside == 0 && lost == 0,
            "subset of %lld: %lld samples, %lld outside, %lld of a smaller one are not in it",
            (long long)from.subset, (long long)size, (long long)outside, (long long)lost);
      memcpy(smaller, members, sizeof members);
    }
  }
  const double share = 3.0 / (double)left;
  for (int64_t k = 0; k < left; k++)
    CHECK(fabs((double)drawn[kept[k]] - SEEDS * share) < 4 * sqrt(SEEDS * share * (1 - share)),
          "sample %lld is drawn %lld times of %d, %g expected", (long long)kept[k],
          (long long)drawn[kept[k]], SEEDS, SEEDS * share);
  from.subset = left;
  check_selection(comm, &from, left, kept);
}

// A subset of generated points is made of points of the whole.
static void test_circle_selection(struct comm *comm) {
  struct data_options from = {.generate = GENERATE_CIRCLE, .count = 100};
  struct dataset *whole = read_good(comm, &from, MISSING_ERROR);
  double *all = gather(comm, whole);
  from.stride = 3;
  from.subset = 11;
  struct dataset *part = read_good(comm, &from, MISSING_ERROR);
  CHECK(part->count == 11, "%lld points", (long long)part->count);
  for (int64_t i = 0; i < part->local_count; i++) {
    const int64_t place = part->index[i];
    CHECK(place % 3 == 0 && (double)part->y[i * (int64_t)part->stride] == all[2 * place] &&
              (double)part->y[i * (int64_t)part->stride + 1] == all[2 * place + 1],
          "point %lld", (long long)place);
  }
  memory_free(&all);
  dataset_destroy(&whole);
  dataset_destroy(&part);
}

static void test_selection(struct comm *comm) {
  write_classes(comm);
  test_classes_and_stride(comm, "good.idx", "", "classes.idx");
  test_classes_and_stride(comm, "good.gz", "", "classes.gz");
  test_classes_and_stride(comm, "good.npy", "", "classes.gz");
  test_classes_and_stride(comm, "good.h5", "/set/images", "/set/classes");
  test_subset(comm);
  test_circle_selection(comm);
}

// ---- weights, missing entries, scaling ----

static void write_holes(struct comm *comm, double hole) {
  static struct buffer buffer;
  npy_header(&buffer, 1, "'<f8'", good_shape);
  for (int k = 0; k < TOTAL; k++)
    add_number(&buffer, "f8", false, k == 7 * N + 2 ? hole : value(k / N, k % N));
  write_buffer(comm, "holes.npy", &buffer);
}

static void test_missing(struct comm *comm) {
  write_holes(comm, NAN);
  struct data_options from = options("holes.npy", "");
  struct dataset *dataset = read_good(comm, &from, MISSING_NAN);
  CHECK(dataset->w != NULL, "NaN on one rank gives weights on all");
  for (int64_t i = 0; i < dataset->local_count; i++) {
    const bool hole = dataset->local_first + i == 7;
    const real *y = dataset->y + i * (int64_t)dataset->stride;
    const real *w = dataset->w + i * (int64_t)dataset->stride;
    CHECK(w[2] == (real)(hole ? 0 : 1) && w[3] == 1 && (!hole || y[2] == 0), "weights of %lld",
          (long long)i);
    CHECK(dataset->weight_sum[i] == (hole ? N - 1 : N), "sum %g", dataset->weight_sum[i]);
  }
  check_padding(dataset);
  dataset_destroy(&dataset);
  from.count = 7;
  dataset = read_good(comm, &from, MISSING_NAN);
  CHECK(dataset->w == NULL, "no NaN in the range gives no weights");
  dataset_destroy(&dataset);
}

static void test_weights(struct comm *comm) {
  struct data_options from = options("good.h5", "/set/images");
  snprintf(from.weights, sizeof from.weights, "/set/weights");
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  for (int64_t i = 0; i < dataset->local_count; i++) {
    const int64_t sample = dataset->local_first + i;
    double sum = 0;
    for (int64_t j = 0; j < N; j++) {
      const double weight = j == 0 ? 0 : (double)((sample * N + j) % 3 + 1);
      const int64_t k = i * (int64_t)dataset->stride + j;
      CHECK(dataset->w[k] == (real)weight, "weight %g", (double)dataset->w[k]);
      CHECK(dataset->y[k] == (real)(j == 0 ? 0 : value(sample, j)), "y %g", (double)dataset->y[k]);
      sum += weight;
    }
    CHECK(dataset->weight_sum[i] == sum, "sum %g", dataset->weight_sum[i]);
  }
  struct scaling scaling = dataset_scaling(comm, SCALE_STANDARDISE, 0, dataset);
  double mean = 0;
  for (int k = 0; k < TOTAL; k++) mean += k % N == 0 ? 0 : value(k / N, k % N);
  mean /= TOTAL - SAMPLES;
  CHECK(fabs(scaling.offset - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling.offset, mean);
  struct error error = {""};
  scaling = dataset_scaling(comm, SCALE_MINMAX, 0, dataset);
  dataset_scale(dataset, scaling, LOSS_BCE, "data.train", &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  for (int64_t i = 0; i < dataset->local_count; i++)
    CHECK(dataset->y[i * (int64_t)dataset->stride] == 0, "an entry of weight 0 stays 0");
  check_padding(dataset);
  dataset_destroy(&dataset);
}

static void test_scaling(struct comm *comm) {
  const struct data_options from = options("good.h5", "/set/images");
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  double mean = 0, square = 0;
  for (int k = 0; k < TOTAL; k++) mean += value(k / N, k % N) / TOTAL;
  for (int k = 0; k < TOTAL; k++) square += pow(value(k / N, k % N) - mean, 2) / TOTAL;

  struct scaling scaling = dataset_scaling(comm, SCALE_STANDARDISE, 0, dataset);
  CHECK(fabs(scaling.offset - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling.offset, mean);
  CHECK(fabs(scaling.scale - sqrt(square)) < 1e-12 * sqrt(square), "deviation %.17g",
        scaling.scale);
  mpi_test_same_bits(comm, "standardise", &scaling, sizeof scaling);
  scaling = dataset_scaling(comm, SCALE_NONE, 0, dataset);
  CHECK(scaling.offset == 0 && scaling.scale == 1, "none");
  scaling = dataset_scaling(comm, SCALE_NUMBER, 255, dataset);
  CHECK(scaling.offset == 0 && scaling.scale == 255, "255");
  scaling = dataset_scaling(comm, SCALE_MINMAX, 0, dataset);
  CHECK(scaling.offset == 0 && scaling.scale == 100, "minmax %g %g", scaling.offset, scaling.scale);

  struct error error = {""};
  dataset_scale(dataset, scaling, LOSS_BCE, "data.train", &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  double *all = gather(comm, dataset);
  for (int k = 0; k < TOTAL; k++)
    CHECK((real)all[k] == (real)(value(k / N, k % N) / 100), "entry %d is %g", k, all[k]);
  memory_free(&all);
  dataset_scale(dataset, (struct scaling){0, 0.001}, LOSS_BCE, "data.test", &error);
  CHECK(dataset->local_count == 0 || (strstr(error.text, "data.test: sample ") == error.text &&
                                      strstr(error.text, "[0, 1]") != NULL),
        "%s", error.text);
  error = (struct error){""};
  dataset_scale(dataset, (struct scaling){0, 0}, LOSS_MSE, "data.test", &error);
  CHECK(strstr(error.text, "cannot be applied") != NULL, "%s", error.text);

  for (size_t k = 0; k < (size_t)dataset->local_count * dataset->stride; k++)
    dataset->y[k] = (real)0.1;
  for (int kind = SCALE_MINMAX; kind <= SCALE_STANDARDISE; kind++) {
    scaling = dataset_scaling(comm, kind, 0, dataset);
    CHECK(scaling.offset == (double)(real)0.1 && scaling.scale == 1, "constant data: scale %g",
          scaling.scale);
  }
  dataset_destroy(&dataset);
}

// ---- mistakes ----

// Expects all ranks to agree that there is a mistake and some rank to say `expected`.
static void expect(struct comm *comm, const struct data_options *from, const char *expected) {
  struct error error = {""};
  struct dataset *dataset = read_set(comm, from, "data.test", MISSING_ERROR, &error);
  int64_t said = strstr(error.text, expected) != NULL && strstr(error.text, "data.test") != NULL;
  comm_max_int64(comm, &said, 1);
  CHECK(said == 1, "\"%s\" expected: \"%s\"", expected, error.text);
  dataset_destroy(&dataset);
}

static void expect_file(struct comm *comm, const char *file, const char *expected) {
  const struct data_options from = options(file, "");
  expect(comm, &from, expected);
}

static void test_wrong_options(struct comm *comm) {
  struct data_options from = options("absent.npy", "");
  expect(comm, &from, "No such file");
  from = options(scratch_directory, "");
  expect(comm, &from, "is a directory");
  from = options("good.h5", "");
  expect(comm, &from, "data.test.dataset is missing");
  from = options("good.h5", "/set/image");
  expect(comm, &from, "did you mean /set/images?");
  from = options("good.npy", "/set/images");
  expect(comm, &from, "only HDF5 files have datasets");
  from = options("good.npy", "");
  from.first = SAMPLES;
  expect(comm, &from, "data.test.first = 23: must be in [0, 22]");
  from.first = 3;
  from.count = SAMPLES - 2;
  expect(comm, &from, "data.test.count = 21: must be in [1, 20]");
  from.count = INT64_MAX;
  expect(comm, &from, "must be in [1, 20]");
  from = (struct data_options){.generate = GENERATE_CIRCLE, .count = INT64_MAX};
  expect(comm, &from, "too many samples");
  from.count = (int64_t)1 << 40;
  expect(comm, &from, "take more ranks, or fewer samples");
}

static void test_wrong_companions(struct comm *comm) {
  struct data_options from = options("good.npy", "");
  snprintf(from.labels, sizeof from.labels, "good.npy");
  expect(comm, &from, "one number per sample; the shape is (23, 2, 3)");
  snprintf(from.labels, sizeof from.labels, "flat.npy");
  expect(comm, &from, "must be integers");
  snprintf(from.labels, sizeof from.labels, "absent.npy");
  expect(comm, &from, "data.test.labels = absent.npy: cannot open");
  snprintf(from.labels, sizeof from.labels, "good.h5");
  expect(comm, &from, "is an HDF5 file");
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 1, (const uint32_t[]){22});
  buffer.size += 22;
  write_buffer(comm, "few.idx", &buffer);
  snprintf(from.labels, sizeof from.labels, "few.idx");
  expect(comm, &from, "22 labels, too few for samples 0 to 22");
  from.labels[0] = '\0';
  snprintf(from.weights, sizeof from.weights, "flat.npy");
  expect(comm, &from, "shape of the samples, (23, 2, 3); it is (3,)");
  from = options("good.h5", "/set/images");
  snprintf(from.weights, sizeof from.weights, "/set/wieghts");
  expect(comm, &from, "did you mean /set/weights?");
  snprintf(from.labels, sizeof from.labels, "/set/images");
  expect(comm, &from, "data.test.labels = /set/images in");
}

static void test_wrong_selection(struct comm *comm) {
  struct data_options from = options("good.npy", "");
  from.classes = integers(2, (const int64_t[]){3, 7});
  expect(comm, &from, "has no labels to choose by; give data.test.labels");
  snprintf(from.labels, sizeof from.labels, "classes.idx");
  expect(comm, &from,
         "data.test.classes: no sample from 0 to 22 has the label 7 in data.test.labels = "
         "classes.idx; the labels there are -1, 3, 5, 8");
  from.first = 14;
  from.classes = integers(1, (const int64_t[]){-1});
  expect(comm, &from, "no sample from 14 to 22 has the label -1");
  from.classes = integers(1, (const int64_t[]){8});  // 14, 17 and 20
  from.stride = 2;
  from.subset = 3;
  expect(comm, &from, "data.test.subset = 3: must be in [1, 2]");
  from.subset = INT64_MAX;
  expect(comm, &from, "must be in [1, 2], or 0 for all");
  snprintf(from.labels, sizeof from.labels, "labels.npy");
  expect(comm, &from, "the labels there are 214, 215, 216");
  from = (struct data_options){.generate = GENERATE_CIRCLE, .count = 5};
  from.classes = integers(1, (const int64_t[]){8});
  expect(comm, &from, "data.test.classes: data.test.generate = circle has no labels");
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < 9; i++) add_number(&buffer, "u1", true, 3);
  write_gzip(comm, "short_labels.gz", &buffer);
  from = options("good.npy", "");
  from.classes = integers(1, (const int64_t[]){3});
  snprintf(from.labels, sizeof from.labels, "short_labels.gz");
  expect(comm, &from, "ends before its last sample");
}

static void write_weights(struct comm *comm, double everywhere, double at_last) {
  static struct buffer buffer;
  npy_header(&buffer, 1, "'<f8'", good_shape);
  for (int k = 0; k < TOTAL; k++)
    add_number(&buffer, "f8", false, k == TOTAL - 1 ? at_last : everywhere);
  write_buffer(comm, "weights.npy", &buffer);
}

static void test_wrong_values(struct comm *comm) {
  write_holes(comm, NAN);
  expect_file(comm, "holes.npy",
              "sample 7, entry 2 is NaN; if NaN marks missing entries: "
              "data.missing: nan");
  write_holes(comm, -INFINITY);
  expect_file(comm, "holes.npy", "sample 7, entry 2 is infinite");
  struct data_options from = options("good.npy", "");
  snprintf(from.weights, sizeof from.weights, "weights.npy");
  write_weights(comm, 1, -1);
  expect(comm, &from, "the weight of sample 22, entry 5 is -1");
  write_weights(comm, 1, NAN);
  expect(comm, &from, "the weight of sample 22, entry 5 is nan");
  write_weights(comm, 0, 1);
  expect(comm, &from, "the weights of sample 0 sum to 0");
}

static void expect_idx(struct comm *comm, unsigned char code, int axes, const uint32_t *lengths,
                       size_t bytes, const char *expected) {
  static struct buffer buffer;
  idx_header(&buffer, code, axes, lengths);
  memset(buffer.bytes + buffer.size, 1, bytes);
  buffer.size += bytes;
  write_buffer(comm, "bad.idx", &buffer);
  expect_file(comm, "bad.idx", expected);
}

static void test_wrong_idx(struct comm *comm) {
  const uint32_t shape[] = {10, 3}, huge[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
  scratch_write(comm, "bad.idx", "", 0);
  expect_file(comm, "bad.idx", "the file is empty");
  scratch_write(comm, "bad.idx", "sample, value\n1, 2\n", 19);
  expect_file(comm, "bad.idx", "known are HDF5, NumPy .npy, IDX");
  expect_idx(comm, 0x0F, 2, shape, 30, "not recognised");
  expect_idx(comm, 0x08, 2, shape, 29, "truncated");
  expect_idx(comm, 0x08, 3, huge, 30, "impossibly large");
  expect_idx(comm, 0x08, 2, huge, 30, "impossibly large");
  expect_idx(comm, 0x08, 1, huge, 30, "truncated");
  expect_idx(comm, 0x08, 2, (const uint32_t[]){0, 3}, 30, ": 0 samples");
  expect_idx(comm, 0x08, 2, (const uint32_t[]){3, 0}, 30, "without entries");
  scratch_write(comm, "bad.idx", "\0\0\x08\x02\0\0", 6);
  expect_file(comm, "bad.idx", "ends within its header");
  scratch_write(comm, "bad.idx", "\0\0\x08\x0a\0\0", 6);
  expect_file(comm, "bad.idx", "10 axes");
}

// The stream ends before the last sample, in the middle of a block, or its header promises too
// much.
static void test_wrong_gzip(struct comm *comm) {
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 2, (const uint32_t[]){100, 3});
  for (int k = 0; k < 200; k++) add_number(&buffer, "u1", true, k * k % 251);
  write_gzip(comm, "short.gz", &buffer);
  expect_file(comm, "short.gz", "ends before its last sample");
  struct data_options from = options("short.gz", "");
  from.first = 90;
  expect(comm, &from, "truncated or damaged");

  unsigned char whole[4096];
  FILE *stream = fopen(scratch_path("good.gz"), "rb");
  const size_t size = fread(whole, 1, sizeof whole, stream);
  fclose(stream);
  comm_barrier(comm);
  scratch_write(comm, "cut.gz", whole, size / 2);
  expect_file(comm, "cut.gz", "unexpected end of file");

  idx_header(&buffer, 0x08, 2, (const uint32_t[]){UINT32_MAX, 7});
  write_gzip(comm, "boast.gz", &buffer);
  expect_file(comm, "boast.gz", "truncated");
}

static void expect_npy(struct comm *comm, const char *descr, const char *rest,
                       const char *expected) {
  static struct buffer buffer;
  npy_header(&buffer, 1, descr, rest);
  buffer.size += 100;
  write_buffer(comm, "bad.npy", &buffer);
  expect_file(comm, "bad.npy", expected);
}

static void test_wrong_cifar(struct comm *comm) {
  write_cifar(comm, "short.bin", 0, 2, 100);
  expect_file(comm, "short.bin", "no multiple of 3073");
  write_cifar(comm, "labels.bin", 0, 2, 3073);
  expect_file(comm, "labels.bin", "image 2 has the label 99");
  if (comm_rank(comm) == 0) mkdir(scratch_path("nothing"), 0700);
  comm_barrier(comm);
  expect_file(comm, "nothing", "is a directory");
  if (comm_rank(comm) == 0) rmdir(scratch_path("nothing"));
}

static void test_wrong_npy(struct comm *comm) {
  const char *const shape = "'fortran_order': False, 'shape': (5, 4), ";
  expect_npy(comm, "'<f2'", shape, "type '<f2' cannot be read");
  expect_npy(comm, "'<c8'", shape, "cannot be read");
  expect_npy(comm, "[('a', '<f4')]", shape, "cannot be read");
  expect_npy(comm, "'|O'", shape, "cannot be read");
  expect_npy(comm, "'<f8'", shape, "truncated");
  expect_npy(comm, "'<f4'", "'fortran_order': True, 'shape': (5, 4), ", "Fortran order");
  expect_npy(comm, "'<f4'", "'shape': (5, 4), ", "no fortran_order");
  expect_npy(comm, "'<f4'", "'fortran_order': False, ", "no shape");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (5, 4", "makes no sense");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (-5, 4), ", "makes no sense");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (5000000000000000000000,), ",
             "makes no sense");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (5000000000, 5000000000, 7), ",
             "impossibly large");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (), ", "a single number");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (0, 4), ", ": 0 samples");
  expect_npy(comm, "'<f4'", "'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1), ",
             "more than 9 axes");
  scratch_write(comm, "bad.npy", "\x93NUMPY\x01\0\x40\0{'des", 15);
  expect_file(comm, "bad.npy", "ends within its header");
  scratch_write(comm, "bad.npy", "\x93NUMPY\x02\0\xff\xff\xff\xff{'des", 17);
  expect_file(comm, "bad.npy", "or the header is damaged");
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  write_labels(comm);
  test_idx(comm);
  test_npy(comm);
  test_cifar(comm);
  test_hdf5(comm);
  test_embedded(comm);
  test_circle(comm);
  test_selection(comm);
  test_missing(comm);
  test_weights(comm);
  test_scaling(comm);
  test_wrong_options(comm);
  test_wrong_companions(comm);
  test_wrong_selection(comm);
  test_wrong_values(comm);
  test_wrong_idx(comm);
  test_wrong_gzip(comm);
  test_wrong_cifar(comm);
  test_wrong_npy(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
