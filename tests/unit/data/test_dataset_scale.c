// Weights, missing entries, scaling; values that cannot be used.
#include "support/data_files.h"

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
  struct scaling *scaling = dataset_scaling(comm, SCALE_STANDARDISE, 0, dataset->n, dataset);
  double mean = 0;
  for (int k = 0; k < TOTAL; k++) mean += k % N == 0 ? 0 : value(k / N, k % N);
  mean /= TOTAL - SAMPLES;
  CHECK(fabs(scaling->offset[0] - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling->offset[0],
        mean);
  struct error error = {""};
  scaling_destroy(&scaling);
  scaling = dataset_scaling(comm, SCALE_MINMAX, 0, dataset->n, dataset);
  dataset_scale(dataset, scaling, LOSS_BCE, "data.train", &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  for (int64_t i = 0; i < dataset->local_count; i++)
    CHECK(dataset->y[i * (int64_t)dataset->stride] == 0, "an entry of weight 0 stays 0");
  check_padding(dataset);
  scaling_destroy(&scaling);
  dataset_destroy(&dataset);
}

static void test_scaling(struct comm *comm) {
  const struct data_options from = options("good.h5", "/set/images");
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  double mean = 0, square = 0;
  for (int k = 0; k < TOTAL; k++) mean += value(k / N, k % N) / TOTAL;
  for (int k = 0; k < TOTAL; k++) square += pow(value(k / N, k % N) - mean, 2) / TOTAL;

  struct scaling *scaling = dataset_scaling(comm, SCALE_STANDARDISE, 0, dataset->n, dataset);
  CHECK(fabs(scaling->offset[0] - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling->offset[0],
        mean);
  CHECK(fabs(scaling->scale[0] - sqrt(square)) < 1e-12 * sqrt(square), "deviation %.17g",
        scaling->scale[0]);
  mpi_test_same_bits(comm, "standardise", scaling->offset, sizeof *scaling->offset);
  scaling_destroy(&scaling);
  scaling = dataset_scaling(comm, SCALE_NONE, 0, dataset->n, dataset);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 1, "none");
  scaling_destroy(&scaling);
  scaling = dataset_scaling(comm, SCALE_NUMBER, 255, dataset->n, dataset);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 255, "255");
  scaling_destroy(&scaling);
  scaling = dataset_scaling(comm, SCALE_MINMAX, 0, dataset->n, dataset);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 100, "minmax %g %g", scaling->offset[0],
        scaling->scale[0]);

  struct error error = {""};
  dataset_scale(dataset, scaling, LOSS_BCE, "data.train", &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  double *all = gather(comm, dataset);
  for (int k = 0; k < TOTAL; k++)
    CHECK((real)all[k] == (real)(value(k / N, k % N) / 100), "entry %d is %g", k, all[k]);
  memory_free(&all);
  scaling->offset[0] = 0;
  scaling->scale[0] = 0.001;
  dataset_scale(dataset, scaling, LOSS_BCE, "data.test", &error);
  CHECK(dataset->local_count == 0 || (strstr(error.text, "data.test: sample ") == error.text &&
                                      strstr(error.text, "[0, 1]") != NULL),
        "%s", error.text);
  error = (struct error){""};
  scaling->scale[0] = 0;
  dataset_scale(dataset, scaling, LOSS_MSE, "data.test", &error);
  CHECK(strstr(error.text, "cannot be applied") != NULL, "%s", error.text);
  scaling_destroy(&scaling);

  for (size_t k = 0; k < (size_t)dataset->local_count * dataset->stride; k++)
    dataset->y[k] = (real)0.1;
  for (int kind = SCALE_MINMAX; kind <= SCALE_STANDARDISE; kind++) {
    scaling_destroy(&scaling);
    scaling = dataset_scaling(comm, kind, 0, dataset->n, dataset);
    CHECK(scaling->offset[0] == (double)(real)0.1 && scaling->scale[0] == 1,
          "constant data: scale %g", scaling->scale[0]);
  }
  dataset_destroy(&dataset);
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

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  write_labels(comm);
  write_good_npy(comm, "f8", true);
  write_good_hdf5(comm);
  test_missing(comm);
  test_weights(comm);
  test_scaling(comm);
  test_wrong_values(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
