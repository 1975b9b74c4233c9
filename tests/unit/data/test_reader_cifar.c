// Batches of CIFAR-10, a single one and a folder of them; wrong files.
#include <sys/stat.h>

#include "support/data_files.h"

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

static void test_wrong_cifar(struct comm *comm) {
  write_cifar(comm, "short.bin", 0, 2, 100);
  expect_file(comm, "short.bin", "not a multiple of 3073");
  write_cifar(comm, "labels.bin", 0, 2, 3073);
  expect_file(comm, "labels.bin", "image 2 has the label 99");
  if (comm_rank(comm) == 0) mkdir(scratch_path("nothing"), 0700);
  comm_barrier(comm);
  expect_file(comm, "nothing", "is a directory");
  if (comm_rank(comm) == 0) rmdir(scratch_path("nothing"));
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  test_cifar(comm);
  test_wrong_cifar(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
