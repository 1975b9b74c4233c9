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
  dataset_destroy(&dataset);
  const struct config_missing none = {MISSING_ERROR, 0.0};
  struct scaling *scaling =
      scaling_by(comm, &from, (struct config_scale){.kind = SCALE_STANDARDISE}, 1, none);
  double mean = 0;
  for (int k = 0; k < TOTAL; k++) mean += k % N == 0 ? 0 : value(k / N, k % N);
  mean /= TOTAL - SAMPLES;
  CHECK(fabs(scaling->offset[0] - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling->offset[0],
        mean);
  scaling_destroy(&scaling);
  scaling = scaling_by(comm, &from, (struct config_scale){.kind = SCALE_MINMAX}, 1, none);
  struct error error = {""};
  const struct dataset_rules rules = {none, scaling, LOSS_BCE};
  dataset = read_by(comm, &from, "data.train", &rules, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  for (int64_t i = 0; i < dataset->local_count; i++)
    CHECK(dataset->y[i * (int64_t)dataset->stride] == 0, "an entry of weight 0 stays 0");
  check_padding(dataset);
  scaling_destroy(&scaling);
  dataset_destroy(&dataset);
}

// The samples scaled, by NumPy's order: in double, rounded last.
static void check_scaled(struct comm *comm, const struct data_options *from,
                         const struct scaling *scaling) {
  struct error error = {""};
  const struct dataset_rules rules = {{MISSING_ERROR, 0.0}, scaling, LOSS_BCE};
  struct dataset *dataset = read_by(comm, from, "data.train", &rules, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  double *all = gather(comm, dataset);
  for (int k = 0; k < TOTAL; k++)
    CHECK((real)all[k] == (real)(value(k / N, k % N) / 100), "entry %d is %g", k, all[k]);
  memory_free(&all);
  dataset_destroy(&dataset);
}

static void expect_scaled(struct comm *comm, const struct data_options *from, double scale,
                          const char *first, const char *second) {
  struct error error = {""};
  struct scaling *scaling = scaling_create(N, 1);
  scaling->scale[0] = scale;
  const struct dataset_rules rules = {{MISSING_ERROR, 0.0}, scaling, LOSS_BCE};
  CHECK(read_by(comm, from, "data.test", &rules, &error) == NULL, "a scale of %g", scale);
  int64_t said = strstr(error.text, first) == error.text && strstr(error.text, second) != NULL;
  comm_max_int64(comm, &said, 1);
  CHECK(said, "%s", error.text);
  scaling_destroy(&scaling);
}

static void test_scaling(struct comm *comm) {
  const struct data_options from = options("good.h5", "/set/images");
  const struct config_missing none = {MISSING_ERROR, 0.0};
  double mean = 0, square = 0;
  for (int k = 0; k < TOTAL; k++) mean += value(k / N, k % N) / TOTAL;
  for (int k = 0; k < TOTAL; k++) square += pow(value(k / N, k % N) - mean, 2) / TOTAL;

  struct scaling *scaling =
      scaling_by(comm, &from, (struct config_scale){.kind = SCALE_STANDARDISE}, 1, none);
  CHECK(fabs(scaling->offset[0] - mean) < 1e-12 * mean, "mean %.17g, %.17g", scaling->offset[0],
        mean);
  CHECK(fabs(scaling->scale[0] - sqrt(square)) < 1e-12 * sqrt(square), "deviation %.17g",
        scaling->scale[0]);
  mpi_test_same_bits(comm, "standardise", scaling->offset, sizeof *scaling->offset);
  scaling_destroy(&scaling);
  scaling = scaling_by(comm, &from, (struct config_scale){.kind = SCALE_NONE}, 1, none);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 1, "none");
  scaling_destroy(&scaling);
  scaling = scaling_by(comm, &from, (struct config_scale){SCALE_NUMBER, 255, 0}, 1, none);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 255, "255");
  scaling_destroy(&scaling);
  scaling = scaling_by(comm, &from, (struct config_scale){.kind = SCALE_MINMAX}, 1, none);
  CHECK(scaling->offset[0] == 0 && scaling->scale[0] == 100, "minmax %g %g", scaling->offset[0],
        scaling->scale[0]);
  check_scaled(comm, &from, scaling);
  scaling_destroy(&scaling);
  expect_scaled(comm, &from, 0.001, "data.test: sample ", "[0, 1]");
  expect_scaled(comm, &from, 1e-310, "data.test: sample ", "too large");
  expect_scaled(comm, &from, 0, "data.test: offset 0 and scale 0", "cannot be applied");
}

// ---- constants per channel and entry, in values that float32 does not hold ----

static double fine_value(int sample, int entry) {
  if (entry == 4) return 7.25;
  const double noise = sin(1.0 + sample * N + entry);
  return entry < 3 ? 1e8 + noise : 1.0 + 1e-9 * noise;
}

static void write_fine(struct comm *comm) {
  static struct buffer buffer;
  npy_header(&buffer, 1, "'<f8'", good_shape);
  for (int k = 0; k < TOTAL; k++)
    add_number(&buffer, "f8", false, k == 3 * N + 1 ? NAN : fine_value(k / N, k % N));
  write_buffer(comm, "fine.npy", &buffer);
}

// Mean and deviation of the entries [first, last) of all samples.
static void reference(int first, int last, double *mean, double *deviation) {
  long double sum = 0, squares = 0;
  int count = 0;
  for (int k = 0; k < TOTAL; k++)
    if (k % N >= first && k % N < last && k != 3 * N + 1) sum += fine_value(k / N, k % N), count++;
  *mean = (double)(sum / count);
  for (int k = 0; k < TOTAL; k++) {
    const long double difference = fine_value(k / N, k % N) - (long double)*mean;
    if (k % N >= first && k % N < last && k != 3 * N + 1) squares += difference * difference;
  }
  *deviation = (double)sqrtl(squares / count);
}

static void check_pairs(struct comm *comm, int64_t channels, int pairs, struct config_scale scale) {
  const struct data_options from = options("fine.npy", "");
  const struct config_missing nan = {MISSING_NAN, 0.0};
  struct scaling *scaling = scaling_by(comm, &from, scale, channels, nan);
  CHECK(scaling->count == (size_t)pairs, "%zu pairs", scaling->count);
  for (int k = 0; k < pairs; k++) {
    double mean, deviation;
    reference(k * N / pairs, (k + 1) * N / pairs, &mean, &deviation);
    const bool constant = deviation == 0;
    CHECK(scaling->offset[k] == mean, "pair %d of %d: mean %.17g, %.17g", k, pairs,
          scaling->offset[k], mean);
    CHECK(
        constant ? scaling->scale[k] == 1 : fabs(scaling->scale[k] - deviation) < 1e-15 * deviation,
        "pair %d of %d: deviation %.17g, %.17g", k, pairs, scaling->scale[k], deviation);
  }
  mpi_test_same_bits(comm, "offsets", scaling->offset, (size_t)pairs * sizeof(double));
  mpi_test_same_bits(comm, "scales", scaling->scale, (size_t)pairs * sizeof(double));

  struct error error = {""};
  const struct dataset_rules rules = {nan, scaling, LOSS_MSE};
  struct dataset *dataset = read_by(comm, &from, "data.train", &rules, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  double *all = gather(comm, dataset);
  for (int k = 0; k < TOTAL; k++) {
    const int pair = k % N * pairs / N;
    const double y = (fine_value(k / N, k % N) - scaling->offset[pair]) / scaling->scale[pair];
    CHECK((real)all[k] == (k == 3 * N + 1 ? 0 : (real)y), "entry %d is %g, not %g", k, all[k], y);
  }
  memory_free(&all);
  dataset_destroy(&dataset);
  scaling_destroy(&scaling);
}

static void test_pairs(struct comm *comm) {
  write_fine(comm);
  check_pairs(comm, 1, 1, (struct config_scale){.kind = SCALE_STANDARDISE});
  check_pairs(comm, 2, 2, (struct config_scale){SCALE_STANDARDISE, 0, SCALE_PER_CHANNEL});
  check_pairs(comm, 2, N, (struct config_scale){SCALE_STANDARDISE, 0, SCALE_PER_ENTRY});
}

// ---- what marks a missing entry; masks ----

static void test_number(struct comm *comm) {
  write_holes(comm, -999.9);
  struct data_options from = options("holes.npy", "");
  struct error error = {""};
  const struct dataset_rules rules = {.missing = {MISSING_NUMBER, -999.9}, .loss = LOSS_MSE};
  struct dataset *dataset = read_by(comm, &from, "data.train", &rules, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  CHECK(dataset->filled == 1 && dataset->w != NULL, "%lld filled", (long long)dataset->filled);
  for (int64_t i = 0; i < dataset->local_count; i++)
    CHECK(dataset->weight_sum[i] == (dataset->index[i] == 7 ? N - 1 : N), "sum %g",
          dataset->weight_sum[i]);
  dataset_destroy(&dataset);
  write_holes(comm, (double)(float)-999.9);
  dataset = read_by(comm, &from, "data.train", &rules, &error);
  CHECK(dataset != NULL && dataset->filled == 1, "what float32 makes of the number");
  dataset_destroy(&dataset);
  write_holes(comm, NAN);
  CHECK(read_by(comm, &from, "data.train", &rules, &error) == NULL, "NaN beside a number");
}

static void write_common(struct comm *comm, const char *shape, int count, const double *values) {
  static struct buffer buffer;
  char rest[80];
  snprintf(rest, sizeof rest, "'fortran_order': False, 'shape': %s, ", shape);
  npy_header(&buffer, 1, "'<f8'", rest);
  for (int k = 0; k < count; k++) add_number(&buffer, "f8", false, values[k]);
  write_buffer(comm, "common.npy", &buffer);
}

static void test_common(struct comm *comm) {
  struct data_options from = options("good.npy", "");
  snprintf(from.mask, sizeof from.mask, "%s", scratch_path("common.npy"));
  write_common(comm, "(2, 3)", N, (const double[]){0, 1, 0, 0, -2, 0});
  struct dataset *dataset = read_good(comm, &from, MISSING_ERROR);
  for (int64_t k = 0; k < dataset->local_count * N; k++) {
    const int64_t i = k / N, j = k % N, place = i * (int64_t)dataset->stride + j;
    const bool out = j == 1 || j == 4;
    CHECK(dataset->w[place] == (real)!out, "weight of entry %d", (int)j);
    CHECK(dataset->y[place] == (real)(out ? 0 : value(dataset->index[i], j)), "entry %d", (int)j);
    CHECK(dataset->weight_sum[i] == N - 2, "sum of weights %g", dataset->weight_sum[i]);
  }
  check_padding(dataset);
  dataset_destroy(&dataset);
  write_common(comm, "(2, 3)", N, (const double[]){1, 1, 1, 1, 1, 1});
  expect(comm, &from, "no entry of a sample is left");
  write_common(comm, "(2, 3)", N, (const double[]){0, 1, NAN, 1, 1, 1});
  expect(comm, &from, "entry 2 is nan");
  write_common(comm, "(3,)", 3, (const double[]){0, 1, 0});
  expect(comm, &from, "the shape of one sample, (2, 3); it is (3,)");
  snprintf(from.weights, sizeof from.weights, "%s", from.mask);
  from.mask[0] = '\0';
  write_common(comm, "(2, 3)", N, (const double[]){0.5, 1, 0, 2, 1, 1});
  dataset = read_good(comm, &from, MISSING_ERROR);
  for (int64_t i = 0; i < dataset->local_count; i++)
    CHECK(dataset->weight_sum[i] == 5.5 && dataset->w[i * (int64_t)dataset->stride] == (real)0.5,
          "weights of one sample's shape: %g", dataset->weight_sum[i]);
  dataset_destroy(&dataset);
  write_common(comm, "(2, 3)", N, (const double[]){0.5, 1, -3, 2, 1, 1});
  expect(comm, &from, "the weight of entry 2 is -3");
  from = options("good.h5", "/set/images");
  snprintf(from.mask, sizeof from.mask, "%s:/set/absent", scratch_path("good.h5"));
  expect(comm, &from, "data.test.mask");
  snprintf(from.mask, sizeof from.mask, "/set/labels");
  expect(comm, &from, "the shape of one sample, (2, 3); it is (23,)");
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
              "sample 7, entry 2 is NaN; if NaN marks missing entries, give "
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
  test_pairs(comm);
  dataset_limit_pieces(3 * N * sizeof(double));
  dataset_limit_strips(2);
  test_missing(comm);
  test_weights(comm);
  test_pairs(comm);
  test_number(comm);
  test_common(comm);
  test_wrong_values(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
