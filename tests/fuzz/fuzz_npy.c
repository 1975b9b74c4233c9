// NumPy's .npy files. An input is a byte for what to read (fuzz_array.h), the first sample, the
// number of samples, then the file.
#include <string.h>

#include "fuzz_array.h"
#include "ground/memory.h"

// Finds the type in the dictionary and the numbers behind it. False if it is not .npy.
static bool understand(const uint8_t *data, size_t size, struct fuzz_array *array) {
  if (size < 12 || memcmp(data, "\x93NUMPY", 6) != 0) return false;
  const size_t start = data[6] >= 2 ? 12 : 10;
  size_t header = start;
  for (size_t i = 8; i < start; i++) header += (size_t)data[i] << 8 * (i - 8);
  if (header > size) return false;
  char *text = memory_new(char, header + 1);
  memcpy(text, data + start, header - start);
  const char *type = strstr(text, "'descr'");
  if (type != NULL) type = strchr(type + 7, '\'');
  const bool known = type != NULL && strlen(type) > 4;
  if (known)
    *array = (struct fuzz_array){type[2] == 'b' ? 'u' : type[2], type[3] - '0', type[1] == '>',
                                 data + header, size - header};
  memory_free(&text);
  return known && array->bytes > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_bytes bytes = {data, size};
  const unsigned mode = fuzz_next(&bytes), first = fuzz_next(&bytes), count = fuzz_next(&bytes);
  struct fuzz_array array;
  const bool known = understand(bytes.data, bytes.size, &array);
  fuzz_array_read(fuzz_file(0, bytes.data, bytes.size), mode, first, count, known ? &array : NULL);
  return 0;
}
