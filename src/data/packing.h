// Conversion of the numbers stored in a file to the values they represent, according to the CF 1.8
// conventions (2.5.1, 8.1) and netCDF's attributes: value = raw * scale_factor + add_offset, and
// some raw numbers mean that there is no value.
#ifndef GFE_PACKING_H
#define GFE_PACKING_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/error.h"
#include "platform/h5.h"

enum { PACKING_MISSING = 4 };

// Plain data. What is missing and the valid range are raw, that is in packed units, with `wrap`
// undone.
struct packing {
  double factor, offset;
  double wrap;  // 0; 2^b > 0: added to negative numbers (bytes with _Unsigned = "true"); < 0: added
                // to those from -wrap / 2 on
  int missing_count;
  double missing[PACKING_MISSING];
  double valid_min, valid_max;  // -INFINITY, INFINITY if every number is valid
};

// For numbers that are not packed.
struct packing packing_none(void);
bool packing_is_none(const struct packing *packing);

// The packing given by the attributes of a dataset: scale_factor, add_offset, _FillValue,
// missing_value, valid_range, valid_min, valid_max and _Unsigned; netCDF's default fill value if
// _FillValue is not given. A factor that is 0 or not finite, or text where a number should be, is a
// mistake. `key` for messages. By any rank on its own.
bool packing_read(struct h5_file *file, const char *dataset, const char *key,
                  struct packing *packing, struct error *error);

// Converts `count` raw numbers to the values they represent, in place; NaN where there is none.
void packing_apply(const struct packing *packing, size_t count, double *values);

#endif
