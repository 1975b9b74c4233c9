#include <string.h>

#include "data/reader.h"

static int64_t product(const int64_t *lengths, int count, int64_t factor) {
  for (int a = 0; a < count; a++)
    if (__builtin_mul_overflow(factor, lengths[a], &factor)) return -1;
  return factor;
}

int64_t source_row(const struct dataset_source *source) {
  return product(source->shape + 1, source->axes - 1, 1);
}

int64_t source_bytes(const struct dataset_source *source) {
  return product(source->shape, source->axes, source->format.bytes);
}

size_t element_size(enum element element) {
  return element == ELEMENT_REAL ? sizeof(real) : sizeof(int64_t);
}

static uint64_t load_bits(struct element_format format, const unsigned char *raw) {
  uint64_t bits = 0;
  for (int i = 0; i < format.bytes; i++)
    bits = bits << 8 | raw[format.big_endian ? i : format.bytes - 1 - i];
  return bits;
}

static int64_t load_integer(struct element_format format, const unsigned char *raw) {
  const uint64_t bits = load_bits(format, raw);
  if (format.kind == 'u') return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
  const uint64_t sign = (uint64_t)1 << (8 * format.bytes - 1);
  return (int64_t)((bits ^ sign) - sign);
}

static double load_number(struct element_format format, const unsigned char *raw) {
  if (format.kind == 'u') return (double)load_bits(format, raw);
  if (format.kind == 'i') return (double)load_integer(format, raw);
  const uint64_t bits = load_bits(format, raw);
  if (format.bytes == 4) {
    const uint32_t half = (uint32_t)bits;
    float number;
    memcpy(&number, &half, sizeof number);
    return number;
  }
  double number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

void element_convert(struct element_format format, const unsigned char *raw, size_t count,
                     enum element element, void *values) {
  const size_t bytes = (size_t)format.bytes;
  if (element == ELEMENT_INT64) {
    int64_t *integers = values;
    for (size_t i = 0; i < count; i++) integers[i] = load_integer(format, raw + i * bytes);
  } else {
    real *numbers = values;
    for (size_t i = 0; i < count; i++) numbers[i] = (real)load_number(format, raw + i * bytes);
  }
}
