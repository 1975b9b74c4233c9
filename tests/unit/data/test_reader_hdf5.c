// HDF5 against the values that were written, and a known byte of an image.
#include "support/data_files.h"

static void test_hdf5(struct comm *comm) {
  write_good_hdf5(comm);
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

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  test_hdf5(comm);
  test_embedded(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
