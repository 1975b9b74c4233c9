// IDX, plain and compressed: every type against the values that were written; wrong files.
#include "support/data_files.h"

static void test_idx(struct comm *comm) {
  static const struct {
    unsigned char code;
    const char *type;
  } types[] = {{0x08, "u1"}, {0x09, "i1"}, {0x0B, "i2"}, {0x0C, "i4"}, {0x0D, "f4"}, {0x0E, "f8"}};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    write_good_idx(comm, types[t].code, types[t].type);
    check_file(comm, options("good.idx", ""), t == 0 ? "labels.idx" : "");
    check_file(comm, options("good.gz", ""), t == 0 ? scratch_path("labels.npy") : "");
  }
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
  expect_idx(comm, 0x08, 2, (const uint32_t[]){3, 0}, 30, "samples with no entries");
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

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  write_labels(comm);
  test_idx(comm);
  test_wrong_idx(comm);
  test_wrong_gzip(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
