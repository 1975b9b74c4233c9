#include "fuzz_array.h"

#include <math.h>
#include <string.h>

// Number `index` of the array as a double, and as a label. On a little-endian machine.
static double number_at(const struct fuzz_array *array, size_t index, int64_t *label) {
  union {
    uint8_t raw[8];
    uint8_t u1;
    uint16_t u2;
    uint32_t u4;
    uint64_t u8;
    int8_t i1;
    int16_t i2;
    int32_t i4;
    int64_t i8;
    float f4;
    double f8;
  } value = {.u8 = 0};
  const size_t bytes = (size_t)array->bytes;
  FUZZ_CHECK(index < array->held / bytes, "number %zu of %zu bytes is read from %zu bytes", index,
             bytes, array->held);
  for (size_t i = 0; i < bytes; i++)
    value.raw[array->big_endian ? bytes - 1 - i : i] = array->numbers[index * bytes + i];
  if (array->kind == 'f') return bytes == 4 ? (double)value.f4 : value.f8;
  if (array->kind == 'u') {
    *label = value.u8 > INT64_MAX ? INT64_MAX : (int64_t)value.u8;
    return (double)value.u8;
  }
  *label = bytes == 1 ? value.i1 : bytes == 2 ? value.i2 : bytes == 4 ? value.i4 : value.i8;
  return (double)*label;
}

static void check_numbers(const struct dataset *dataset, const struct fuzz_array *array) {
  for (size_t i = 0; i < (size_t)dataset->local_count; i++) {
    const size_t row = (size_t)dataset->index[i];
    double sum = 0.0;
    int64_t label = 0;
    for (size_t j = 0; j < dataset->n; j++) {
      const double number = number_at(array, row * dataset->n + j, &label);
      const real expected = isnan(number) ? 0 : (real)number;
      const real weight = dataset->w == NULL ? 1 : dataset->w[i * dataset->stride + j];
      FUZZ_CHECK(dataset->y[i * dataset->stride + j] == expected, "sample %zu, entry %zu is %g", i,
                 j, (double)dataset->y[i * dataset->stride + j]);
      FUZZ_CHECK(isfinite(expected) && weight >= 0, "an entry that cannot be computed with");
      sum += (double)weight;
    }
    FUZZ_CHECK(sum > 0 && dataset->weight_sum[i] == sum, "sum of weights %g, not %g",
               dataset->weight_sum[i], sum);
    if (dataset->label != NULL)
      FUZZ_CHECK(dataset->label[i] == label, "label %lld", (long long)dataset->label[i]);
  }
}

struct dataset *fuzz_dataset(const struct data_options *options,
                             const struct dataset_rules *rules) {
  struct error error = {""};
  struct dataset_sources *sources = dataset_open(fuzz_comm(), options, "data.train", 1, &error);
  struct dataset *dataset =
      sources != NULL ? dataset_read(fuzz_comm(), sources, rules, &error) : NULL;
  dataset_close(&sources);
  if (!error_is_set(&error)) {
    FUZZ_CHECK(dataset != NULL, "nothing was read");
    return dataset;
  }
  fuzz_check_message(&error, "data.train");
  dataset_destroy(&dataset);
  return NULL;
}

void fuzz_array_read(const char *path, unsigned mode, int64_t first, int64_t count,
                     const struct fuzz_array *array) {
  static struct data_options options;
  memset(&options, 0, sizeof options);
  snprintf(options.file, sizeof options.file, "%s", path);
  if (mode & FUZZ_LABELS) memcpy(options.labels, options.file, sizeof options.file);
  if (mode & FUZZ_WEIGHTS) memcpy(options.weights, options.file, sizeof options.file);
  options.first = first;
  options.count = count;
  const struct dataset_rules rules = {
      .missing = {mode & FUZZ_MISSING ? MISSING_NAN : MISSING_ERROR, 0.0}, .loss = LOSS_MSE};
  struct dataset *dataset = fuzz_dataset(&options, &rules);
  if (dataset == NULL) return;
  FUZZ_CHECK(dataset->count > 0 && dataset->n > 0, "nothing was read");
  FUZZ_CHECK(dataset->index[0] == first && (count == 0 || dataset->count == count),
             "another range");
  if (array != NULL) check_numbers(dataset, array);
  dataset_destroy(&dataset);
}
