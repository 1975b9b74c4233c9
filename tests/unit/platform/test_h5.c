// Files written in parallel and read back; what netCDF-4 needs; foreign files; errors. With a path
// as its argument the test only writes its file there, for other programs to open.
#include <hdf5.h>
#include <hdf5_hl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "ground/memory.h"
#include "platform/h5.h"
#include "support/mpi_test.h"
#include "support/scratch.h"

enum { SAMPLES = 37, LATENT = 3, FEW = 2 };

// ---- a file of ours ----

static void declare(const char *path) {
  struct h5_file *file = h5_create(path, 0);
  h5_write_text(file, "/", "title", "gradient flow encoding, d\u2113/dz");
  h5_write_text(file, "/", "empty", "");
  h5_write_number(file, "/", "pi", 3.25);
  h5_write_integer(file, "/", "seed", -7);
  h5_group(file, "/test", "test set");
  h5_dimension(file, "/test", "sample", SAMPLES);
  h5_dimension(file, "/test", "latent", LATENT);
  h5_dimension(file, "/test", "few", FEW);
  h5_dimension(file, "/test", "none", 0);
  h5_dataset(file, "/test", "z", H5_REAL, 2, (const char *const[]){"sample", "latent"}, "1",
             "latents");
  h5_dataset(file, "/test", "square", H5_DOUBLE, 2, (const char *const[]){"few", "few"}, "1",
             "one dimension twice");
  h5_dataset(file, "/test", "index", H5_INT64, 1, (const char *const[]){"sample"}, "1", "index");
  h5_dataset(file, "/test", "status", H5_INT8, 1, (const char *const[]){"sample"}, "1", "status");
  h5_dataset(file, "/test", "nothing", H5_REAL, 2, (const char *const[]){"none", "latent"}, "1",
             "no rows");
  h5_dataset(file, "/test", "void", H5_REAL, 2, (const char *const[]){"few", "none"}, "1",
             "rows of no length");
  h5_group(file, "/test/inner", "a group inside a group");
  h5_dimension(file, "/test/inner", "out", FEW);
  h5_dataset(file, "/test/inner", "bias", H5_DOUBLE, 1, (const char *const[]){"out"}, "m",
             "written by one rank alone");
  h5_close(&file);
}

// Rank r writes the samples that begin at 10 r (at least as many ranks as needed: the last takes
// the rest), so that from 4 ranks on some have nothing.
static void fill(struct comm *comm, const char *path) {
  const int rank = comm_rank(comm), ranks = comm_size(comm);
  int64_t first = 10 * rank, end = rank == ranks - 1 ? SAMPLES : first + 10;
  if (first > SAMPLES) first = SAMPLES;
  if (end > SAMPLES) end = SAMPLES;
  const int64_t count = end - first;
  real z[SAMPLES * LATENT];
  int64_t index[SAMPLES];
  int8_t status[SAMPLES];
  for (int64_t i = 0; i < count; i++) {
    for (int64_t k = 0; k < LATENT; k++) z[i * LATENT + k] = (real)((first + i) * LATENT + k) / 4;
    index[i] = 1000000000000 + first + i;
    status[i] = (int8_t)(-1 - (first + i) % 5);
  }
  const double square[] = {1, 2, 3, 4}, bias[] = {5, 6};
  const int64_t whole = rank == 0 ? FEW : 0;
  struct h5_file *file = h5_open_parallel(path, comm);
  h5_write_rows(file, "/test/z", H5_REAL, first, count, z);
  h5_write_rows(file, "/test/index", H5_INT64, first, count, index);
  h5_write_rows(file, "/test/status", H5_INT8, first, count, status);
  h5_write_rows(file, "/test/square", H5_DOUBLE, 0, whole, square);
  h5_write_rows(file, "/test/inner/bias", H5_DOUBLE, 0, whole, bias);
  h5_write_rows(file, "/test/nothing", H5_REAL, 0, 0, NULL);
  h5_write_rows(file, "/test/void", H5_REAL, 0, whole, NULL);
  h5_close(&file);
  CHECK(file == NULL, "h5_close leaves a pointer");
}

static void write_file(struct comm *comm, const char *path) {
  if (comm_rank(comm) == 0) declare(path);
  fill(comm, path);
  comm_barrier(comm);
}

// Between two calls nothing is armed: a rank that waits for others must not be shot.
static bool is_unarmed(void) {
  struct itimerval timer;
  struct sigaction action;
  getitimer(ITIMER_VIRTUAL, &timer);
  sigaction(SIGVTALRM, NULL, &action);
  return timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0 && action.sa_handler == SIG_DFL;
}

static void check_values(const char *path) {
  struct error error = {""};
  struct h5_file *file = h5_open(path, "key", &error);
  CHECK(file != NULL, "%s", error.text);
  if (file == NULL) return;
  CHECK(is_unarmed(), "a watchdog behind h5_open()");
  int axes = 0;
  int64_t shape[H5_AXES];
  CHECK(h5_shape(file, "/test/z", "key", &axes, shape, &error) && axes == 2 &&
            shape[0] == SAMPLES && shape[1] == LATENT,
        "%s", error.text);
  double z[SAMPLES * LATENT];
  CHECK(h5_read_rows(file, "/test/z", H5_DOUBLE, 5, 20, z, &error), "%s", error.text);
  for (int k = 0; k < 20 * LATENT; k++)
    CHECK(z[k] == (5 * LATENT + k) / 4.0, "z[%d] = %g", k, z[k]);
  int64_t index[SAMPLES], status[SAMPLES];
  CHECK(h5_read_rows(file, "/test/index", H5_INT64, 0, SAMPLES, index, &error), "%s", error.text);
  CHECK(h5_read_rows(file, "/test/status", H5_INT64, 0, SAMPLES, status, &error), "%s", error.text);
  for (int i = 0; i < SAMPLES; i++)
    CHECK(index[i] == 1000000000000 + i && status[i] == -1 - i % 5, "row %d", i);
  double bias[FEW];
  CHECK(h5_read_rows(file, "/test/inner/bias", H5_DOUBLE, 0, FEW, bias, &error) && bias[1] == 6,
        "%s", error.text);
  CHECK(h5_shape(file, "/test/nothing", "key", &axes, shape, &error) && shape[0] == 0, "no rows");
  CHECK(h5_exists(file, "/test/inner") && h5_exists(file, "/") && !h5_exists(file, "/test/no/z"),
        "h5_exists");
  CHECK(h5_is_integer(file, "/test/status") && !h5_is_integer(file, "/test/z"), "h5_is_integer");
  CHECK(is_unarmed(), "a watchdog behind a call");
  h5_close(&file);
}

static void check_attributes(const char *path) {
  struct error error = {""};
  struct h5_file *file = h5_open(path, "key", &error);
  char text[64];
  double number = 0;
  CHECK(h5_read_text(file, "/", "title", text, sizeof text) &&
            strcmp(text, "gradient flow encoding, d\u2113/dz") == 0,
        "title: %s", text);
  CHECK(h5_read_text(file, "/", "empty", text, sizeof text) && text[0] == '\0', "empty: %s", text);
  CHECK(h5_read_text(file, "/test/z", "units", text, 2) && strcmp(text, "1") == 0, "units");
  CHECK(!h5_read_text(file, "/test/z", "units", text, 1), "a text that does not fit");
  CHECK(!h5_read_text(file, "/", "pi", text, sizeof text), "a number is no text");
  CHECK(!h5_read_text(file, "/", "absent", text, sizeof text), "an absent attribute");
  CHECK(h5_read_number(file, "/", "pi", &number) && number == 3.25, "pi = %g", number);
  CHECK(h5_read_number(file, "/", "seed", &number) && number == -7, "seed = %g", number);
  CHECK(!h5_read_number(file, "/", "title", &number), "a text is no number");
  h5_close(&file);
}

// All axes have a scale with netCDF-4's name; order is tracked; nothing is compressed.
static void check_netcdf(const char *path) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t z = H5Dopen2(file, "/test/z", H5P_DEFAULT);
  CHECK(H5DSget_num_scales(z, 0) == 1 && H5DSget_num_scales(z, 1) == 1, "scales of z");
  const hid_t properties = H5Dget_create_plist(z);
  unsigned order = 0;
  H5Pget_attr_creation_order(properties, &order);
  CHECK(H5Pget_layout(properties) == H5D_CONTIGUOUS && (order & H5P_CRT_ORDER_TRACKED) != 0,
        "properties of z");
  H5Pclose(properties);
  H5Dclose(z);
  const hid_t sample = H5Dopen2(file, "/test/sample", H5P_DEFAULT);
  char name[64] = "";
  int number = -1;
  CHECK(H5DSis_scale(sample) > 0 && H5DSget_scale_name(sample, name, sizeof name) > 0 &&
            strcmp(name, "This is a netCDF dimension but not a netCDF variable.        37") == 0,
        "scale %s", name);
  CHECK(H5LTget_attribute_int(sample, ".", "_Netcdf4Dimid", &number) >= 0 && number == 0,
        "_Netcdf4Dimid %d", number);
  CHECK(H5Dget_storage_size(sample) == 0, "a dimension takes no space");
  H5Dclose(sample);
  CHECK(
      H5LTget_attribute_int(file, "/test/inner/out", "_Netcdf4Dimid", &number) >= 0 && number == 4,
      "_Netcdf4Dimid %d", number);
  const hid_t group = H5Gopen2(file, "/test", H5P_DEFAULT);
  const hid_t creation = H5Gget_create_plist(group);
  H5Pget_link_creation_order(creation, &order);
  CHECK((order & H5P_CRT_ORDER_TRACKED) != 0, "order of links");
  H5Pclose(creation);
  H5Gclose(group);
  H5Fclose(file);
}

// Files of any number of ranks are the same to the byte.
static void check_bytes(struct comm *comm, const char *path) {
  FILE *stream = fopen(path, "rb");
  static unsigned char bytes[1 << 20];
  const size_t size = fread(bytes, 1, sizeof bytes, stream);
  fclose(stream);
  CHECK(size > 0 && size < sizeof bytes, "%zu bytes", size);
  mpi_test_same_bits(comm, "file", bytes, size);
}

// ---- files of others ----

enum { ROWS = 50, WIDTH = 4, CHUNK = 7 };

static void make_dataset(hid_t file, const char *name, hid_t type, hid_t creation,
                         const int *values) {
  const hsize_t lengths[] = {ROWS, WIDTH};
  const hid_t space = H5Screate_simple(2, lengths, NULL);
  const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Sclose(space);
}

static hid_t chunked(void) {
  const hsize_t chunk[] = {CHUNK, 3};
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  return creation;
}

static void make_foreign(const char *path) {
  int values[ROWS * WIDTH];
  for (int k = 0; k < ROWS * WIDTH; k++) values[k] = k;
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t compressed = chunked(), unknown = chunked();
  H5Pset_deflate(compressed, 9);
  H5Pset_filter(unknown, 32000, H5Z_FLAG_OPTIONAL, 0, NULL);
  make_dataset(file, "big", H5T_STD_U16BE, compressed, values);
  make_dataset(file, "float", H5T_IEEE_F64BE, H5P_DEFAULT, values);
  make_dataset(file, "lzf", H5T_STD_I32LE, unknown, values);
  make_dataset(file, "text", H5T_C_S1, H5P_DEFAULT, values);
  H5LTmake_dataset_int(file, "deep", 9, (const hsize_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, values);
  H5LTset_attribute_string(file, "big", "fixed", "of fixed length");
  H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Pclose(compressed);
  H5Pclose(unknown);
  H5Fclose(file);
}

static void check_foreign(const char *path) {
  struct error error = {""};
  struct h5_file *file = h5_open(path, "key", &error);
  const char *const names[] = {"big", "/float"};
  for (int d = 0; d < 2; d++) {
    for (int first = 0; first < ROWS; first += 3) {
      real rows[ROWS * WIDTH];
      const int count = first + 17 < ROWS ? 17 : ROWS - first;
      CHECK(h5_read_rows(file, names[d], H5_REAL, first, count, rows, &error), "%s", error.text);
      int wrong = 0;
      for (int k = 0; k < count * WIDTH; k++) wrong += rows[k] != (real)(first * WIDTH + k);
      CHECK(wrong == 0, "%s from row %d: %d wrong", names[d], first, wrong);
    }
  }
  char text[64];
  CHECK(
      h5_read_text(file, "big", "fixed", text, sizeof text) && strcmp(text, "of fixed length") == 0,
      "a text of fixed length: %s", text);
  h5_close(&file);
}

static void expect_shape_error(struct h5_file *file, const char *dataset, const char *expected) {
  struct error error = {""};
  int axes;
  int64_t shape[H5_AXES];
  CHECK(!h5_shape(file, dataset, "data.train.dataset", &axes, shape, &error) &&
            strstr(error.text, expected) != NULL &&
            strstr(error.text, "data.train.dataset") == error.text,
        "%s: %s", dataset, error.text);
}

static void expect_open_error(const char *path, const char *expected) {
  struct error error = {""};
  CHECK(h5_open(path, "data.train.file", &error) == NULL && strstr(error.text, expected) != NULL &&
            strstr(error.text, path) != NULL,
        "%s: %s", path, error.text);
}

static void check_errors(struct comm *comm, const char *path) {
  struct error error = {""};
  struct h5_file *file = h5_open(path, "key", &error);
  expect_shape_error(file, "/flaot", "did you mean /float? the file has /big, /deep, /float, ");
  expect_shape_error(file, "/group", "there is no dataset");
  expect_shape_error(file, "/dangling", "a soft link to /nowhere, which");
  expect_shape_error(file, "/text", "does not hold numbers");
  expect_shape_error(file, "/deep", "more than 8 axes");
  expect_shape_error(file, "/lzf", "h5repack -f NONE");
  real row[ROWS * WIDTH];
  CHECK(!h5_read_rows(file, "/big", H5_REAL, ROWS - 1, 2, row, &error) &&
            strstr(error.text, "no rows 49 to 50") != NULL,
        "%s", error.text);
  error = (struct error){""};
  CHECK(!h5_read_rows(file, "/lzf", H5_REAL, 0, 2, row, &error) &&
            strstr(error.text, "number 32000") != NULL,
        "%s", error.text);
  h5_close(&file);

  scratch_write(comm, "text.h5", "not HDF5", 8);
  static unsigned char part[1000];
  FILE *stream = fopen(path, "rb");
  CHECK(fread(part, 1, sizeof part, stream) == sizeof part, "the file is short");
  fclose(stream);
  scratch_write(comm, "cut.h5", part, sizeof part);
  expect_open_error(scratch_path("absent.h5"), "No such file");
  expect_open_error(scratch_path("text.h5"), "not an HDF5 file");
  expect_open_error(scratch_path("cut.h5"), "truncated");
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  if (argc > 1) {
    write_file(comm, argv[1]);
    comm_finish(&comm);
    return 0;
  }
  scratch_make(comm);
  const char *ours = scratch_path("ours.h5"), *foreign = scratch_path("foreign.h5");
  write_file(comm, ours);
  check_values(ours);
  check_attributes(ours);
  check_netcdf(ours);
  check_bytes(comm, ours);
  if (comm_rank(comm) == 0) make_foreign(foreign);
  comm_barrier(comm);
  check_foreign(foreign);
  check_errors(comm, foreign);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
