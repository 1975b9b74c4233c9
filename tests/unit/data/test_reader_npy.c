// NumPy's format: every type in both byte orders against the values that were written; wrong files.
#include "support/data_files.h"

static void test_npy(struct comm *comm) {
  static const char *const types[] = {"i1", "i2", "i4", "i8", "u1", "u2",
                                      "u4", "u8", "f2", "f4", "f8"};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    for (int big = 0; big < 2; big++) {
      write_good_npy(comm, types[t], big);
      check_file(comm, options("good.npy", ""), t == 0 ? "labels.npy" : "");
    }
  }
  // Flat files: a sample is one number. Labels may not be floats (test_dataset.c).
  static const char *const flat[] = {"i2", "i8", "f2", "f4"};
  for (int t = 0; t < 4; t++) {
    write_flat_npy(comm, flat[t]);
    const struct data_options from = options("flat.npy", "");
    struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
    double *all = gather(comm, dataset);
    CHECK(dataset->n == 1 && dataset->axes == 0 && all[0] == -300 && all[2] == -298, "%s: %g",
          flat[t], all[0]);
    memory_free(&all);
    dataset_destroy(&dataset);
  }
}

static void expect_npy(struct comm *comm, const char *descr, const char *rest,
                       const char *expected) {
  static struct buffer buffer;
  npy_header(&buffer, 1, descr, rest);
  buffer.size += 100;
  write_buffer(comm, "bad.npy", &buffer);
  expect_file(comm, "bad.npy", expected);
}

static void test_wrong_npy(struct comm *comm) {
  const char *const shape = "'fortran_order': False, 'shape': (5, 4), ";
  expect_npy(comm, "'<f3'", shape, "type '<f3' cannot be read");
  expect_npy(comm, "'<f4\"", shape, "cannot be read");
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
  test_npy(comm);
  test_wrong_npy(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
