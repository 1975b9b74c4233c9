// Extended fields, position by position, against steps taken from their ends, and sums over them in
// the order that extension.h promises, bit for bit.
#include <string.h>

#include "decoder/extension.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

static size_t product(const size_t size[3]) { return size[0] * size[1] * size[2]; }

static void fill(real *x, size_t count, uint64_t key) {
  for (size_t i = 0; i < count; i++) x[i] = (real)(rng_uniform(key, RNG_TEST, i, 0) - 0.5);
}

static real *new_numbers(size_t count, uint64_t key) {
  real *x = memory_new(real, count);
  fill(x, count, key);
  return x;
}

// Where position i of an extended axis of n positions stands in the field, by steps from its ends.
static size_t walk(enum padding_mode mode, ptrdiff_t i, ptrdiff_t n) {
  ptrdiff_t at = i < 0 ? 0 : n - 1, step = mode == PADDING_PERIODIC ? 0 : i < 0 ? 1 : -1;
  if (i >= 0 && i < n) return (size_t)i;
  if (mode == PADDING_PERIODIC) return (size_t)((i + n) % n);
  for (ptrdiff_t k = i < 0 ? -i : i - n + 1; k > 0 && mode == PADDING_REFLECT; k--) at += step;
  return (size_t)at;
}

static void check_extension(enum padding_mode mode) {
  const struct extension e = {mode, 17, {2, 3, 5}, {1, 2, mode == PADDING_REPLICATE ? 6 : 4}};
  const size_t large[] = {4, 7, 5 + 2 * e.padding[2]}, width = real_padded(e.channels);
  const size_t count = product(large), small = product(e.size);
  real *field = new_numbers(2 * small * width, 1), *begin = new_numbers(2 * small * width, 2);
  real *extended = memory_new(real, 2 * count * width), *sums = memory_new(real, small);
  real *total = memory_new(real, 2 * small * width);
  size_t *from = memory_new(size_t, count), other = 0;
  CHECK(extension_stride(&e) == count * width, "%zu elements", extension_stride(&e));
  for (size_t i = 0; i < count; i++) {
    const size_t at[] = {i / large[2] / large[1], i / large[2] % large[1], i % large[2]};
    for (size_t axis = 0; axis < 3; axis++)
      from[i] =
          from[i] * e.size[axis] +
          walk(mode, (ptrdiff_t)at[axis] - (ptrdiff_t)e.padding[axis], (ptrdiff_t)e.size[axis]);
  }
  extension_spread(&e, 2, field, extended);
  for (size_t i = 0; i < 2 * count; i++)
    other += memcmp(extended + i * width, field + (i / count * small + from[i % count]) * width,
                    width * sizeof *field) != 0;
  CHECK(other == 0, "%s: %zu positions differ", padding_mode_name((int)mode), other);
  fill(extended, 2 * count * width, 3);
  for (int add = 0; add < 2; add++) {
    memcpy(total, begin, 2 * small * width * sizeof *total);
    extension_collect(&e, 2, extended, add, total);
    other = 0;
    for (size_t s = 0; s < 2; s++)
      for (size_t c = 0; c < width; c++) {
        for (size_t i = 0; i < small; i++) sums[i] = add ? begin[(s * small + i) * width + c] : 0;
        for (size_t i = 0; i < count; i++) sums[from[i]] += extended[(s * count + i) * width + c];
        for (size_t i = 0; i < small; i++) other += sums[i] != total[(s * small + i) * width + c];
      }
    CHECK(other == 0, "%s: %zu sums differ", padding_mode_name((int)mode), other);
  }
  memory_free(&field);
  memory_free(&begin);
  memory_free(&extended);
  memory_free(&sums);
  memory_free(&total);
  memory_free(&from);
}

int main(void) {
  for (int mode = PADDING_PERIODIC; padding_mode_name(mode) != NULL; mode++)
    check_extension((enum padding_mode)mode);
  CHECK(extension_most(PADDING_PERIODIC, 4) == 4 && extension_most(PADDING_REFLECT, 4) == 3 &&
            extension_most(PADDING_REPLICATE, 4) > 1000,
        "the widest padding");
  CHECK(padding_mode_name(-1) == NULL && padding_mode_name(4) == NULL, "no name beyond the table");
  return test_summary();
}
