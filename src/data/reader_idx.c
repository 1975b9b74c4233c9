// IDX, the format of MNIST, plain or gzipped: 0, 0, type, number of axes, a big-endian 32-bit
// length per axis, big-endian numbers. http://yann.lecun.com/exdb/mnist/
//
// A gzipped file can only be read from the beginning, so rank 0 reads it and sends the others their
// rows in blocks, each announced by a status, so that no rank waits for rows if rank 0 fails.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "data/reader.h"
#include "ground/memory.h"

enum { BLOCK = 1 << 17, DEFLATE_RATIO = 1032 };  // bytes at a time; the most that deflate achieves

static bool type_of(unsigned char code, struct element_format *format) {
  static const struct {
    unsigned char code;
    struct element_format format;
  } types[] = {
      {0x08, {'u', 1, true}}, {0x09, {'i', 1, true}}, {0x0B, {'i', 2, true}},
      {0x0C, {'i', 4, true}}, {0x0D, {'f', 4, true}}, {0x0E, {'f', 8, true}},
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (types[i].code != code) continue;
    *format = types[i].format;
    return true;
  }
  return false;
}

static bool matches(const char *path, const unsigned char *head, size_t size) {
  (void)head, (void)size;
  gzFile stream = gzopen(path, "rb");
  if (stream == NULL) return false;
  unsigned char start[4];
  struct element_format format;
  const bool good = gzread(stream, start, sizeof start) == sizeof start && start[0] == 0 &&
                    start[1] == 0 && type_of(start[2], &format) && start[3] > 0;
  gzclose(stream);
  return good;
}

static gzFile open_stream(const struct source *source, struct error *error) {
  errno = 0;
  gzFile stream = gzopen(source->path, "rb");
  if (stream == NULL)
    error_set(error, "%s: %s", source->label, errno != 0 ? strerror(errno) : "out of memory");
  else
    gzbuffer(stream, 1 << 18);
  return stream;
}

// ---- the header ----

// What is kept of it.
struct idx {
  struct element_format format;
  int64_t offset;  // of the first number in the file
};

static bool read_header(gzFile stream, struct source *source, struct idx *idx,
                        struct error *error) {
  unsigned char start[4], length[4];
  bool good =
      gzread(stream, start, sizeof start) == sizeof start && type_of(start[2], &idx->format);
  if (good && start[3] > SOURCE_AXES)
    return error_set(error, "%s: the array has %d axes, more than %d", source->label, start[3],
                     SOURCE_AXES);
  source->axes = good ? start[3] : 0;
  for (int a = 0; good && a < source->axes; a++) {
    good = gzread(stream, length, sizeof length) == sizeof length;
    source->shape[a] = (int64_t)length[0] << 24 | length[1] << 16 | length[2] << 8 | length[3];
  }
  source->integer = idx->format.kind != 'f';
  idx->offset = 4 + 4 * source->axes;
  return good || error_set(error, "%s: the file ends within its header", source->label);
}

// A plain file must hold all its numbers; a gzipped one must be able to.
static bool check_size(const struct source *source, const struct idx *idx, bool compressed,
                       struct error *error) {
  const int64_t bytes = source_bytes(source, idx->format.bytes);
  struct stat status;
  if (stat(source->path, &status) != 0)
    return error_set(error, "%s: %s", source->label, strerror(errno));
  const int64_t size = (int64_t)status.st_size;
  if (bytes < 0)
    return error_set(error, "%s: the lengths in the header are impossibly large", source->label);
  if (compressed ? size < bytes / DEFLATE_RATIO : size - idx->offset < bytes)
    return error_set(error,
                     "%s: the file is truncated: its header announces %lld bytes of numbers, "
                     "too many for a%s file of %lld bytes",
                     source->label, (long long)bytes, compressed ? " gzipped" : "",
                     (long long)size);
  return true;
}

static bool open_array(struct source *source, struct error *error) {
  gzFile stream = open_stream(source, error);
  if (stream == NULL) return false;
  struct idx idx = {.offset = 0};
  const bool good = read_header(stream, source, &idx, error) &&
                    check_size(source, &idx, gzdirect(stream) == 0, error);
  source_keep(source, &idx, sizeof idx);
  gzclose(stream);
  return good;
}

// ---- the numbers ----

// The rows of one rank, in blocks of whole numbers.
struct parcel {
  size_t left;   // bytes
  size_t block;  // bytes of the next block
};

static void next_block(struct parcel *parcel) {
  parcel->block = parcel->left < BLOCK ? parcel->left : BLOCK;
  parcel->left -= parcel->block;
}

// The transfer of one rank's rows from the file to their destination: directly into the values on
// rank 0; for another rank, into a message and from there into the values.
struct passage {
  struct comm *comm;
  const struct source *source;
  struct idx idx;
  enum element element;
  int rank;            // that needs them
  unsigned char *raw;  // [BLOCK]
  char *values;        // where the next numbers go; moves
};

static int64_t row_bytes(const struct passage *passage) {
  return source_row(passage->source) * passage->idx.format.bytes;
}

static struct parcel parcel_of(const struct passage *passage, int64_t rows) {
  return (struct parcel){.left = (size_t)(rows * row_bytes(passage))};
}

// Converts the numbers of the block in passage->raw.
static void unpack(struct passage *passage, size_t bytes) {
  const size_t count = bytes / (size_t)passage->idx.format.bytes;
  element_convert(passage->idx.format, passage->raw, count, passage->element, passage->values);
  passage->values += count * element_size(passage->element);
}

// Tells rank 0 which rows this rank needs. Together with receive_wishes().
static void send_wishes(struct comm *comm, const struct source_rows *rows) {
  comm_send(comm, &rows->count, sizeof rows->count, 0);
  comm_send(comm, rows->index, (size_t)rows->count * sizeof *rows->index, 0);
}

// The rows that a rank needs; the caller owns the list.
static struct source_rows receive_wishes(struct comm *comm, int rank) {
  struct source_rows rows = {NULL, 0};
  comm_receive(comm, &rows.count, sizeof rows.count, rank);
  int64_t *index = memory_new(int64_t, rows.count);
  comm_receive(comm, index, (size_t)rows.count * sizeof *index, rank);
  rows.index = index;
  return rows;
}

// A run of rows from rank 0. False if it has failed.
static bool receive_run(struct passage *passage, struct parcel parcel) {
  for (next_block(&parcel); parcel.block > 0; next_block(&parcel)) {
    bool good = false;
    comm_receive(passage->comm, &good, sizeof good, 0);
    if (!good) return false;
    comm_receive(passage->comm, passage->raw, parcel.block, 0);
    unpack(passage, parcel.block);
  }
  return true;
}

static bool read_block(gzFile stream, const struct source *source, unsigned char *raw, size_t bytes,
                       struct error *error) {
  errno = 0;
  const int got = gzread(stream, raw, (unsigned)bytes);
  if (got == (int)bytes) return true;
  int code = Z_OK;
  const char *reason = gzerror(stream, &code);
  if (code == Z_ERRNO) reason = strerror(errno);
  return error_set(error, "%s: the file is truncated or damaged: %s", source->label,
                   code == Z_OK ? "it ends before its last sample" : reason);
}

// Rank 0: passes on a run of rows. False if that, or what came before (`good`), has failed.
static bool deal_run(struct passage *passage, gzFile stream, bool good, struct parcel parcel,
                     struct error *error) {
  for (next_block(&parcel); parcel.block > 0; next_block(&parcel)) {
    good = good && read_block(stream, passage->source, passage->raw, parcel.block, error);
    if (passage->rank > 0) comm_send(passage->comm, &good, sizeof good, passage->rank);
    if (!good) return false;
    if (passage->rank > 0)
      comm_send(passage->comm, passage->raw, parcel.block, passage->rank);
    else
      unpack(passage, parcel.block);
  }
  return true;
}

// Goes forward to the first number of a row.
static bool seek_row(gzFile stream, const struct passage *passage, int64_t row,
                     struct error *error) {
  const int64_t place = passage->idx.offset + row * row_bytes(passage);
  return gzseek(stream, (z_off_t)place, SEEK_SET) == (z_off_t)place ||
         error_set(error, "%s: the file is truncated or damaged: sample %lld cannot be reached",
                   passage->source->label, (long long)row);
}

// Rank 0: reads all ranks' rows in order, keeps its own and sends the others theirs.
static void deal_rows(struct passage *passage, gzFile stream, const struct source_rows *own,
                      struct error *error) {
  const int ranks = comm_size(passage->comm);
  bool good = stream != NULL;
  for (passage->rank = 0; passage->rank < ranks; passage->rank++) {
    struct source_rows rows = *own;
    if (passage->rank > 0) rows = receive_wishes(passage->comm, passage->rank);
    for (int64_t i = 0, run; i < rows.count; i += run) {
      run = source_run(&rows, i);
      good = good && seek_row(stream, passage, rows.index[i], error);
      good = deal_run(passage, stream, good, parcel_of(passage, run), error);
      if (!good) break;
    }
    if (passage->rank > 0) memory_release((void *)rows.index);
  }
}

static void read_rows(struct comm *comm, const struct source *source,
                      const struct source_rows *rows, enum element element, void *values,
                      struct error *error) {
  struct passage passage = {.comm = comm,
                            .source = source,
                            .element = element,
                            .raw = memory_new(unsigned char, BLOCK),
                            .values = values};
  source_recall(source, &passage.idx, sizeof passage.idx);
  if (comm_rank(comm) > 0) {
    send_wishes(comm, rows);
    for (int64_t i = 0, run; i < rows->count; i += run) {
      run = source_run(rows, i);
      if (!receive_run(&passage, parcel_of(&passage, run))) break;
    }
  } else {
    gzFile stream = open_stream(source, error);
    deal_rows(&passage, stream, rows, error);
    if (stream != NULL) gzclose(stream);
  }
  memory_free(&passage.raw);
}

const struct reader reader_idx = {
    .name = "IDX (plain or gzipped)",
    .matches = matches,
    .open = open_array,
    .read = read_rows,
};
