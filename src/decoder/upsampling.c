#include "decoder/upsampling.h"

#include <string.h>

// Positions of the large field: those of all samples are lines of planes that follow each other.
static size_t line_of(const struct upsampling *u) { return u->size[2] * u->factor[2]; }
static size_t plane_of(const struct upsampling *u) {
  return u->size[1] * u->factor[1] * line_of(u);
}

void upsampling_spread(const struct upsampling *u, size_t samples, const real *small, real *large) {
  const size_t width = real_padded(u->channels), lines = u->size[1] * u->factor[1];
  const size_t planes = samples * u->size[0] * u->factor[0];
  for (size_t z = 0; z < planes; z++)
    for (size_t y = 0; y < lines; y++) {
      const size_t line = z / u->factor[0] * u->size[1] + y / u->factor[1];
      const real *from = small + line * u->size[2] * width;
      for (size_t x = 0; x < u->size[2]; x++, from += width)
        for (size_t k = 0; k < u->factor[2]; k++, large += width)
          memcpy(large, from, width * sizeof *large);
    }
}

// REAL_PAD channels of a box.
static void collect(const struct upsampling *u, size_t width, const real *restrict large,
                    real sum[REAL_PAD]) {
  for (size_t c = 0; c < REAL_PAD; c++) sum[c] = 0;
  for (size_t i = 0; i < u->factor[0]; i++)
    for (size_t j = 0; j < u->factor[1]; j++) {
      const real *from = large + (i * plane_of(u) + j * line_of(u)) * width;
      for (size_t k = 0; k < u->factor[2]; k++, from += width)
        for (size_t c = 0; c < REAL_PAD; c++) sum[c] += from[c];
    }
}

void upsampling_collect(const struct upsampling *u, size_t samples, const real *large, bool add,
                        real *small) {
  const size_t width = real_padded(u->channels);
  for (size_t z = 0; z < samples * u->size[0]; z++)
    for (size_t y = 0; y < u->size[1]; y++)
      for (size_t x = 0; x < u->size[2]; x++, small += width) {
        const real *box = large + (z * u->factor[0] * plane_of(u) + y * u->factor[1] * line_of(u) +
                                   x * u->factor[2]) *
                                      width;
        for (size_t c = 0; c < width; c += REAL_PAD) {
          real sum[REAL_PAD];
          collect(u, width, box + c, sum);
          for (size_t k = 0; k < REAL_PAD; k++) small[c + k] = add ? small[c + k] + sum[k] : sum[k];
        }
      }
}
