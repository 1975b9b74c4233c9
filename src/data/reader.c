#include "data/reader.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "ground/memory.h"

const struct reader *const readers[] = {
    &reader_hdf5, &reader_npy, &reader_idx, &reader_cifar, &reader_circle, &reader_view,
};
const int reader_count = sizeof readers / sizeof *readers;

// ---- sources ----

static int64_t product(const int64_t *lengths, int count, int64_t factor) {
  for (int a = 0; a < count; a++)
    if (__builtin_mul_overflow(factor, lengths[a], &factor)) return -1;
  return factor;
}

int64_t source_row(const struct source *source) {
  return product(source->shape + 1, source->axes - 1, 1);
}

size_t source_row_bytes(const struct source *source, enum element element) {
  return (size_t)source_row(source) * element_size(element);
}

int64_t source_bytes(const struct source *source, int bytes) {
  return product(source->shape, source->axes, bytes);
}

int64_t source_run(const struct source_rows *rows, int64_t i) {
  int64_t length = 1;
  while (i + length < rows->count && rows->index[i + length] == rows->index[i] + length) length++;
  return length;
}

struct source_range source_share(const struct comm *comm, struct source_range range) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t first = comm_share_first(range.count, ranks, rank);
  return (struct source_range){range.first + first,
                               comm_share_first(range.count, ranks, rank + 1) - first};
}

void source_keep(struct source *source, const void *data, size_t bytes) {
  assert(bytes <= SOURCE_OWN);
  memcpy(source->own, data, bytes);
}

void source_recall(const struct source *source, void *data, size_t bytes) {
  assert(bytes <= SOURCE_OWN);
  memcpy(data, source->own, bytes);
}

FILE *source_file(const struct source *source, const char *path, struct error *error) {
  struct stat status;
  if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    error_set(error, "%s: %s is not a regular file", source->label, path);
    return NULL;
  }
  FILE *stream = fopen(path, "rb");
  if (stream == NULL)
    error_set(error, "%s: cannot open %s: %s", source->label,
              strcmp(path, source->path) == 0 ? "the file" : path, strerror(errno));
  return stream;
}

// ---- reading ----

// Whether rows are ascending, on each rank and from rank to rank, and are in the source. For an
// assertion. Collective.
__attribute__((unused)) static bool are_in_order(struct comm *comm, const struct source *source,
                                                 const struct source_rows *rows) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  bool good = rows->count == 0 || rows->index[0] >= 0;
  for (int64_t i = 1; i < rows->count; i++) good = good && rows->index[i] > rows->index[i - 1];
  const int64_t last = rows->count > 0 ? rows->index[rows->count - 1] : -1;
  good = good && last < source->shape[0];
  int64_t *lasts = memory_new(int64_t, ranks);
  lasts[rank] = last;
  comm_sum_int64(comm, lasts, (size_t)ranks);
  for (int r = 0; r < rank && rows->count > 0; r++) good = good && lasts[r] < rows->index[0];
  memory_free(&lasts);
  return good;
}

void source_read(struct comm *comm, const struct source *source, const struct source_rows *rows,
                 enum element element, void *values, struct error *error) {
  assert(source->axes > 0 && are_in_order(comm, source, rows));
  readers[source->reader]->read(comm, source, rows, element, values, error);
}

// ---- elements ----

size_t element_size(enum element element) {
  return element == ELEMENT_INT64 ? sizeof(int64_t) : sizeof(double);
}

static uint64_t load_bits(struct element_format format, const unsigned char *raw) {
  uint64_t bits = 0;
  for (int i = 0; i < format.bytes; i++)
    bits = bits << 8 | raw[format.big_endian ? i : format.bytes - 1 - i];
  return bits;
}

static int64_t load_integer(struct element_format format, const unsigned char *raw) {
  const uint64_t bits = load_bits(format, raw);
  if (format.kind == 'u') return (int64_t)bits;
  const uint64_t sign = (uint64_t)1 << (8 * format.bytes - 1);
  return (int64_t)((bits ^ sign) - sign);
}

// IEEE 754 binary16: 1 sign bit, 5 of the exponent, 10 of the fraction.
static double load_half(uint64_t bits) {
  const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
  double value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                 : exponent == 0 ? ldexp(fraction, -24)
                                 : ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 & 1 ? -value : value;
}

static double load_number(struct element_format format, const unsigned char *raw) {
  if (format.kind == 'u') return (double)load_bits(format, raw);
  if (format.kind == 'i') return (double)load_integer(format, raw);
  const uint64_t bits = load_bits(format, raw);
  if (format.bytes == 2) return load_half(bits);
  if (format.bytes == 4) {
    const uint32_t half = (uint32_t)bits;
    float number;
    memcpy(&number, &half, sizeof number);
    return number;
  }
  double number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

void element_convert(struct element_format format, const unsigned char *raw, size_t count,
                     enum element element, void *values) {
  const size_t bytes = (size_t)format.bytes;
  if (element == ELEMENT_INT64) {
    int64_t *integers = values;
    for (size_t i = 0; i < count; i++) integers[i] = load_integer(format, raw + i * bytes);
  } else {
    double *numbers = values;
    for (size_t i = 0; i < count; i++) numbers[i] = load_number(format, raw + i * bytes);
  }
}
