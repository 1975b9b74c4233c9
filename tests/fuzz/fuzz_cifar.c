// CIFAR-10's batches with selections. An input chooses what is on disk: one file or a directory of
// batches, the records in each, bytes too many or too few, invalid labels; then range, classes,
// stride and subset. Every image encodes its own position, so that what is read can be checked.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_array.h"
#include "ground/memory.h"

enum { IMAGE = 3072, RECORD = 1 + IMAGE, BATCHES = 4, RECORDS = 8, MOST = BATCHES * RECORDS };

// The images of all batches that count, in order.
struct images {
  int count;
  unsigned char label[MOST];
};

// Byte `j` of image `i` of the set.
static unsigned char pixel(int i, int j) {
  return (unsigned char)((unsigned)i * 37U + (unsigned)j * 11U + (unsigned)j / 256U);
}

static const char *directory(void) {
  static char path[64];
  if (path[0] != '\0') return path;
  snprintf(path, sizeof path, "/dev/shm/gfe_fuzz_cifar_XXXXXX");
  FUZZ_CHECK(mkdtemp(path) != NULL, "no directory");
  return path;
}

static void remove_all(void) {
  for (int k = 0; k <= BATCHES; k++) {
    char path[128];
    snprintf(path, sizeof path, "%s/data_batch_%d.bin", directory(), k);
    unlink(path);
  }
  rmdir(directory());
}

// Writes batch `k`, or leaves it out; adds what it holds. False if no set can be read from then on.
static void write_batch(struct fuzz_bytes *bytes, int k, struct images *images) {
  char path[128];
  snprintf(path, sizeof path, "%s/data_batch_%d.bin", directory(), k);
  unlink(path);
  const unsigned how = fuzz_next(bytes);
  if (how % 8 == 7) return;
  FILE *file = fopen(path, "wb");
  FUZZ_CHECK(file != NULL, "cannot write %s", path);
  const int records = (int)(how / 8 % (RECORDS + 1));
  for (int r = 0; r < records; r++) {
    unsigned char record[RECORD];
    const unsigned label = fuzz_next(bytes);
    record[0] = (unsigned char)(label < 250 ? label % 10 : label);
    for (int j = 0; j < IMAGE; j++) record[1 + j] = pixel(images->count, j);
    images->label[images->count++] = record[0];
    FUZZ_CHECK(fwrite(record, 1, RECORD, file) == RECORD, "cannot write %s", path);
  }
  if (how % 8 == 6) fputc(1, file);
  fclose(file);
}

static void choose(struct fuzz_bytes *bytes, struct data_options *options) {
  const unsigned what = fuzz_next(bytes);
  if (what & 1) options->first = fuzz_next(bytes) % (MOST + 2);
  if (what & 2) options->count = fuzz_next(bytes) % (MOST + 2);
  if (what & 4) options->stride = 1 + fuzz_next(bytes) % 5;
  if (what & 8) options->subset = fuzz_next(bytes) % (MOST + 2);
  if (what & 16) options->subset_seed = fuzz_next(bytes);
  if (what & 32) {
    options->classes.count = 1 + fuzz_next(bytes) % 4;
    for (int c = 0; c < options->classes.count; c++)
      options->classes.values[c] = fuzz_next(bytes) % 12;
  }
}

static bool is_wanted(const struct data_options *options, unsigned char label) {
  for (int64_t c = 0; c < options->classes.count; c++)
    if (options->classes.values[c] == label) return true;
  return options->classes.count == 0;
}

static void check(const struct dataset *set, const struct data_options *options,
                  const struct images *images) {
  FUZZ_CHECK(set->n == IMAGE && set->count == set->local_count && set->label != NULL, "shape");
  FUZZ_CHECK(options->subset == 0 || set->count == options->subset, "%lld of a subset",
             (long long)set->count);
  for (int64_t i = 0; i < set->count; i++) {
    const int64_t k = set->index[i];
    FUZZ_CHECK(k >= options->first && k < images->count && (i == 0 || k > set->index[i - 1]),
               "image %lld", (long long)k);
    FUZZ_CHECK(options->count == 0 || k < options->first + options->count, "beyond the range");
    FUZZ_CHECK(set->label[i] == images->label[k] && is_wanted(options, images->label[k]),
               "label %lld of image %lld", (long long)set->label[i], (long long)k);
    for (int j = 0; j < IMAGE; j++)
      FUZZ_CHECK(set->y[(size_t)i * set->stride + (size_t)j] == pixel((int)k, j),
                 "image %lld, entry %d", (long long)k, j);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct data_options options;
  static bool begun;
  struct fuzz_bytes bytes = {data, size};
  struct images images = {0};
  if (!begun) atexit(remove_all);
  begun = true;
  memset(&options, 0, sizeof options);
  const bool single = fuzz_next(&bytes) % 4 == 3;
  for (int k = 1; k <= (single ? 1 : BATCHES); k++) write_batch(&bytes, k, &images);
  snprintf(options.file, sizeof options.file, single ? "%s/data_batch_1.bin" : "%s", directory());
  choose(&bytes, &options);
  const struct dataset_rules rules = {.missing = {MISSING_ERROR, 0.0}, .loss = LOSS_MSE};
  struct dataset *set = fuzz_dataset(&options, &rules);
  if (set != NULL) check(set, &options, &images);
  dataset_destroy(&set);
  return 0;
}
