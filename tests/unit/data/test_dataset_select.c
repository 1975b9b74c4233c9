// Which samples are chosen: range, classes, stride and subset, in every format.
#include "platform/comm.h"
#include "support/data_files.h"

static void write_classes(struct comm *comm) {
  static struct buffer buffer;
  idx_header(&buffer, 0x09, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < SAMPLES; i++) add_number(&buffer, "i1", true, (double)class_of(i));
  write_buffer(comm, "classes.idx", &buffer);
  write_gzip(comm, "classes.gz", &buffer);
}

// What the documentation says, for the range, classes and stride: a filter of one sample after the
// other. Returns the number of samples kept.
static int64_t filter(const struct data_options *from, int64_t kept[SAMPLES]) {
  int64_t count = 0, candidates = 0;
  const int64_t end = from->count > 0 ? from->first + from->count : SAMPLES;
  for (int64_t i = from->first; i < end; i++) {
    bool wanted = from->classes.count == 0;
    for (int64_t c = 0; c < from->classes.count; c++)
      wanted = wanted || from->classes.values[c] == class_of(i);
    if (!wanted) continue;
    if (candidates++ % (from->stride > 1 ? from->stride : 1) == 0) kept[count++] = i;
  }
  return count;
}

// Reads the set and compares it with the rows of the file that `kept` names.
static void check_selection(struct comm *comm, const struct data_options *from, int64_t count,
                            const int64_t *kept) {
  const struct dataset_shape shape = shape_of(comm, from);
  CHECK(shape.count == count, "%s: %lld samples described, not %lld", from->file,
        (long long)shape.count, (long long)count);
  struct dataset *dataset = read_good(comm, from, MISSING_ERROR);
  CHECK(dataset->count == count, "%s: %lld samples, not %lld", from->file,
        (long long)dataset->count, (long long)count);
  CHECK(dataset->local_first == comm_share_first(count, comm_size(comm), comm_rank(comm)), "share");
  int wrong = 0;
  for (int64_t i = 0; i < dataset->local_count && dataset->count == count; i++) {
    const int64_t sample = kept[dataset->local_first + i];
    wrong += dataset->index[i] != sample || dataset->label[i] != class_of(sample);
    for (int64_t j = 0; j < N; j++)
      wrong += dataset->y[i * (int64_t)dataset->stride + j] != (real)value(sample, j);
  }
  CHECK(wrong == 0, "%s: %d values, indices or labels are wrong", from->file, wrong);
  dataset_destroy(&dataset);
}

static void test_classes_and_stride(struct comm *comm, const char *file, const char *dataset,
                                    const char *labels) {
  static const int64_t classes[][3] = {{8, 3}, {5, 3, 8}, {-1}};
  static const int class_counts[] = {2, 3, 1};
  struct data_options from = options(file, dataset);
  snprintf(from.labels, sizeof from.labels, "%s", labels);
  for (int c = 0; c < 4; c++) {
    from.classes = (struct config_integers){0};
    if (c < 3) from.classes = integers(class_counts[c], classes[c]);
    for (from.stride = 0; from.stride < 9; from.stride += 2) {
      for (from.first = 0; from.first < 12; from.first += 5) {
        for (from.count = 0; from.count < 14; from.count += 13) {
          int64_t kept[SAMPLES];
          if (from.first + from.count > SAMPLES || (c == 2 && from.first + from.count == 13))
            continue;
          check_selection(comm, &from, filter(&from, kept), kept);
        }
      }
    }
  }
}

// The members of all ranks. Collective.
static void find_members(struct comm *comm, const struct data_options *from,
                         int64_t members[SAMPLES]) {
  struct dataset *dataset = read_good(comm, from, MISSING_ERROR);
  for (int64_t i = 0; i < SAMPLES; i++) members[i] = 0;
  for (int64_t i = 0; i < dataset->local_count; i++) members[dataset->index[i]] = 1;
  comm_sum_int64(comm, members, SAMPLES);
  dataset_destroy(&dataset);
}

// A subset has its size, lies in the candidates, holds the smaller ones of its seed, and every
// sample is drawn by about as many seeds as the next.
static void test_subset(struct comm *comm) {
  enum { SEEDS = 60 };
  struct data_options from = options("good.npy", "");
  snprintf(from.labels, sizeof from.labels, "classes.idx");
  from.classes = integers(2, (const int64_t[]){3, 8});
  from.first = 1;
  from.stride = 2;
  int64_t kept[SAMPLES], candidate[SAMPLES] = {0}, drawn[SAMPLES] = {0};
  const int64_t left = filter(&from, kept);
  for (int64_t k = 0; k < left; k++) candidate[kept[k]] = 1;
  for (from.subset_seed = 0; from.subset_seed < SEEDS; from.subset_seed++) {
    int64_t smaller[SAMPLES] = {0}, members[SAMPLES];
    for (from.subset = 1; from.subset <= left; from.subset += 2) {
      find_members(comm, &from, members);
      int64_t size = 0, outside = 0, lost = 0;
      for (int64_t i = 0; i < SAMPLES; i++) {
        size += members[i];
        outside += members[i] > candidate[i];
        lost += smaller[i] > members[i];
        if (from.subset == 3) drawn[i] += members[i];
      }
      CHECK(size == from.subset && outside == 0 && lost == 0,
            "subset of %lld: %lld samples, %lld outside, %lld of a smaller one are not in it",
            (long long)from.subset, (long long)size, (long long)outside, (long long)lost);
      memcpy(smaller, members, sizeof members);
    }
  }
  const double share = 3.0 / (double)left;
  for (int64_t k = 0; k < left; k++)
    CHECK(fabs((double)drawn[kept[k]] - SEEDS * share) < 4 * sqrt(SEEDS * share * (1 - share)),
          "sample %lld is drawn %lld times of %d, %g expected", (long long)kept[k],
          (long long)drawn[kept[k]], SEEDS, SEEDS * share);
  from.subset = left;
  check_selection(comm, &from, left, kept);
}

static void test_selection(struct comm *comm) {
  write_classes(comm);
  test_classes_and_stride(comm, "good.idx", "", "classes.idx");
  test_classes_and_stride(comm, "good.gz", "", "classes.gz");
  test_classes_and_stride(comm, "good.npy", "", "classes.gz");
  test_classes_and_stride(comm, "good.h5", "/set/images", "/set/classes");
  test_subset(comm);
}

static void test_wrong_selection(struct comm *comm) {
  struct data_options from = options("good.npy", "");
  from.classes = integers(2, (const int64_t[]){3, 7});
  expect(comm, &from, "has no labels to choose by; give data.test.labels");
  snprintf(from.labels, sizeof from.labels, "classes.idx");
  expect(comm, &from,
         "data.test.classes: no sample from 0 to 22 has the label 7 in data.test.labels = "
         "classes.idx; the labels there are -1, 3, 5, 8");
  from.first = 14;
  from.classes = integers(1, (const int64_t[]){-1});
  expect(comm, &from, "no sample from 14 to 22 has the label -1");
  from.classes = integers(1, (const int64_t[]){8});  // 14, 17 and 20
  from.stride = 2;
  from.subset = 3;
  expect(comm, &from, "data.test.subset = 3: must be in [1, 2]");
  from.subset = INT64_MAX;
  expect(comm, &from, "must be in [1, 2], or 0 for all");
  snprintf(from.labels, sizeof from.labels, "labels.npy");
  expect(comm, &from, "the labels there are 214, 215, 216");
  from = (struct data_options){.generate = GENERATE_CIRCLE, .count = 5};
  from.classes = integers(1, (const int64_t[]){8});
  expect(comm, &from, "data.test.classes: data.test.generate = circle has no labels");
  static struct buffer buffer;
  idx_header(&buffer, 0x08, 1, (const uint32_t[]){SAMPLES});
  for (int i = 0; i < 9; i++) add_number(&buffer, "u1", true, 3);
  write_gzip(comm, "short_labels.gz", &buffer);
  from = options("good.npy", "");
  from.classes = integers(1, (const int64_t[]){3});
  snprintf(from.labels, sizeof from.labels, "short_labels.gz");
  expect(comm, &from, "ends before its last sample");
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  write_labels(comm);
  write_good_npy(comm, "f8", true);
  write_good_hdf5(comm);
  write_good_idx(comm, 0x0E, "f8");
  test_selection(comm);
  test_wrong_selection(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
