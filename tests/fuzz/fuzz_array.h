// What the targets for data files of one array share: a data set is read from a file whose header
// the target has parsed independently.
#ifndef GFE_FUZZ_ARRAY_H
#define GFE_FUZZ_ARRAY_H

#include "data/dataset.h"
#include "fuzz.h"

// The data set of these options, owned; NULL if it is refused, which must be with a message that
// names "data.train" or a key of it.
struct dataset *fuzz_dataset(const struct data_options *options, const struct dataset_rules *rules);

// The numbers as they lie in the file.
struct fuzz_array {
  char kind;  // 'i', 'u', 'f'
  int bytes;
  bool big_endian;
  const uint8_t *numbers;
  size_t held;  // bytes from `numbers` to the end of the file
};

enum { FUZZ_LABELS = 1, FUZZ_WEIGHTS = 2, FUZZ_MISSING = 4 };

// Reads the file as samples [first, first + count) (count 0: all), and as their labels or weights
// if `mode` says so. What is refused must be refused with a message that names it; what is accepted
// must be the numbers of `array` (NULL: not known).
void fuzz_array_read(const char *path, unsigned mode, int64_t first, int64_t count,
                     const struct fuzz_array *array);

#endif
