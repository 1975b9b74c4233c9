// Requests to a set, and mistakes in them. Readers, selection and scaling have their own tests.
#include "platform/comm.h"
#include "support/data_files.h"

static void test_wrong_options(struct comm *comm) {
  struct data_options from = options("absent.npy", "");
  expect(comm, &from, "No such file");
  from = options(scratch_directory, "");
  expect(comm, &from, "is a directory");
  from = options("good.h5", "");
  expect(comm, &from, "data.test.dataset: say which datasets");
  from = options("good.h5", "/set/image");
  expect(comm, &from, "did you mean /set/images?");
  from = options("good.npy", "/set/images");
  expect(comm, &from, "only HDF5 files contain datasets");
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
  expect(comm, &from, "use more ranks, or fewer samples");
}

static void test_wrong_companions(struct comm *comm) {
  struct data_options from = options("good.npy", "");
  snprintf(from.labels, sizeof from.labels, "good.npy");
  expect(comm, &from, "one number per sample; the shape is (23, 2, 3)");
  snprintf(from.labels, sizeof from.labels, "flat.npy");
  from.count = 3;
  from.classes = integers(1, (const int64_t[]){1});
  expect(comm, &from, "real numbers, not classes");
  from.count = from.classes.count = 0;
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
  expect(comm, &from, "shape of the samples, (23, 2, 3), or that of one, (2, 3); it is (3,)");
  from = options("good.h5", "/set/images");
  snprintf(from.weights, sizeof from.weights, "/set/wieghts");
  expect(comm, &from, "did you mean /set/weights?");
  snprintf(from.labels, sizeof from.labels, "/set/images");
  expect(comm, &from, "data.test.labels = /set/images in");
}

// The two halves of the samples as channels.
static void check_channels(struct comm *comm, const struct dataset_survey *survey) {
  for (int c = 0; c < 2; c++) {
    const struct dataset_moments *found = &survey->channel[c];
    long double sum = 0, squares = 0;
    int64_t entries = 0;
    for (int k = 0; k < TOTAL; k++)
      if (k % N != 0 && k % N / 3 == c) sum += value(k / N, k % N), entries++;
    for (int k = 0; k < TOTAL; k++) {
      const long double difference = value(k / N, k % N) - sum / entries;
      if (k % N != 0 && k % N / 3 == c) squares += difference * difference;
    }
    CHECK(found->entries == entries && found->missing == (c == 0 ? SAMPLES : 0),
          "channel %d: %lld entries, %lld missing", c, (long long)found->entries,
          (long long)found->missing);
    CHECK(fabs(found->mean - (double)(sum / entries)) < 1e-15 * found->mean, "channel %d: mean %g",
          c, found->mean);
    CHECK(fabs(found->deviation - (double)sqrtl(squares / entries)) < 1e-15 * found->deviation,
          "channel %d: deviation %g", c, found->deviation);
  }
  CHECK(survey->channels == 2, "%zu channels", survey->channels);
  mpi_test_same_bits(comm, "moments of channels", survey->channel, 2 * sizeof *survey->channel);
}

// What a set is like, the same on any number of ranks, and what would be complained of.
static void test_survey(struct comm *comm) {
  struct error error = {""};
  struct data_options from = options("good.h5", "/set/images");
  snprintf(from.weights, sizeof from.weights, "/set/weights");
  struct dataset_sources *sources = dataset_open(comm, &from, "data.train", 1, &error);
  comm_settle(comm, &error);
  double sum = 0, most = 0;
  for (int k = 0; k < TOTAL; k++) {
    if (k % N == 0) continue;  // of weight 0
    sum += value(k / N, k % N);
    most = fmax(most, value(k / N, k % N));
  }
  struct scaling *scaling = scaling_create(N, 1);
  scaling->scale[0] = most;
  const struct dataset_rules rules = {{MISSING_ERROR, 0.0}, scaling, LOSS_BCE};
  struct dataset_survey survey = dataset_survey(comm, sources, &rules, 2, &error);
  CHECK(!error_is_set(&error), "%s", error.text);
  CHECK(survey.all.entries == TOTAL - SAMPLES && survey.all.missing == SAMPLES,
        "%lld entries, %lld missing", (long long)survey.all.entries, (long long)survey.all.missing);
  CHECK(survey.all.max == most && survey.all.min == 0, "from %g to %g", survey.all.min,
        survey.all.max);
  CHECK(fabs(survey.all.mean - sum / (double)survey.all.entries) < 1e-12 * most, "mean %g",
        survey.all.mean);
  check_channels(comm, &survey);
  memory_free(&survey.channel);
  scaling->scale[0] = most / 2;
  survey = dataset_survey(comm, sources, &rules, 2, &error);
  memory_free(&survey.channel);
  int64_t found = error_is_set(&error);
  comm_max_int64(comm, &found, 1);
  CHECK(found && (!error_is_set(&error) || strstr(error.text, "after scaling") != NULL), "%s",
        error.text);
  scaling_destroy(&scaling);
  dataset_close(&sources);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  write_labels(comm);
  write_good_npy(comm, "f8", true);
  write_good_hdf5(comm);
  write_flat_npy(comm, "f4");
  test_wrong_options(comm);
  test_wrong_companions(comm);
  test_survey(comm);
  dataset_limit_pieces(1);
  test_survey(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
