#include "decoder/extension.h"

#include <string.h>

#include "ground/text.h"

const char *padding_mode_name(int mode) {
  static const char *const names[] = {[PADDING_ZERO] = "zero",
                                      [PADDING_PERIODIC] = "periodic",
                                      [PADDING_REFLECT] = "reflect",
                                      [PADDING_REPLICATE] = "replicate"};
  return IN_TABLE(names, mode) ? names[mode] : NULL;
}

size_t extension_most(enum padding_mode mode, size_t length) {
  return mode == PADDING_PERIODIC ? length : mode == PADDING_REFLECT ? length - 1 : SIZE_MAX;
}

static size_t extended(const struct extension *e, size_t axis) {
  return e->size[axis] + 2 * e->padding[axis];
}

size_t extension_stride(const struct extension *e) {
  return extended(e, 0) * extended(e, 1) * extended(e, 2) * real_padded(e->channels);
}

// The position of the field that corresponds to position i of the extended one.
static size_t position(const struct extension *e, size_t axis, size_t i) {
  const size_t padding = e->padding[axis], length = e->size[axis];
  const bool before = i < padding;
  if (!before && i < padding + length) return i - padding;
  const size_t k = before ? padding - i : i + 1 - padding - length;
  switch (e->mode) {
    case PADDING_PERIODIC:
      return before ? length - k : k - 1;
    case PADDING_REFLECT:
      return before ? k : length - 1 - k;
    default:
      return before ? 0 : length - 1;
  }
}

// Where the line of the field that corresponds to line (z, y) of the extended one begins.
static size_t line_of(const struct extension *e, size_t sample, size_t z, size_t y) {
  const size_t plane = sample * e->size[0] + position(e, 0, z);
  return (plane * e->size[1] + position(e, 1, y)) * e->size[2] * real_padded(e->channels);
}

void extension_spread(const struct extension *e, size_t samples, const real *fields, real *to) {
  const size_t width = real_padded(e->channels), first = e->padding[2], inside = e->size[2];
  const size_t planes = extended(e, 0), lines = extended(e, 1), length = extended(e, 2);
  for (size_t z = 0; z < samples * planes; z++)
    for (size_t y = 0; y < lines; y++, to += length * width) {
      const real *from = fields + line_of(e, z / planes, z % planes, y);
      memcpy(to + first * width, from, inside * width * sizeof *to);
      for (size_t k = 0; k < 2 * first; k++) {
        const size_t x = k < first ? k : k + inside;
        memcpy(to + x * width, from + position(e, 2, x) * width, width * sizeof *to);
      }
    }
}

static void add_to(size_t count, const real *restrict from, real *restrict to) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
}

void extension_collect(const struct extension *e, size_t samples, const real *from, bool add,
                       real *fields) {
  const size_t width = real_padded(e->channels), first = e->padding[2], inside = e->size[2];
  const size_t planes = extended(e, 0), lines = extended(e, 1), length = extended(e, 2);
  const size_t field = e->size[0] * e->size[1] * e->size[2] * width;
  if (!add) memset(fields, 0, samples * field * sizeof *fields);
  for (size_t z = 0; z < samples * planes; z++)
    for (size_t y = 0; y < lines; y++, from += length * width) {
      real *to = fields + line_of(e, z / planes, z % planes, y);
      for (size_t x = 0; x < first; x++)
        add_to(width, from + x * width, to + position(e, 2, x) * width);
      add_to(inside * width, from + first * width, to);
      for (size_t x = first + inside; x < length; x++)
        add_to(width, from + x * width, to + position(e, 2, x) * width);
    }
}
