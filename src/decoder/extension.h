// Fields continued beyond their ends, as seen by convolutions whose padding is not zeros, and the
// transpose of this operation. Along an axis of n positions, position i of the extended field is
// position i - padding of the field, and beyond its ends, for k = 1 ... padding,
//
//   periodic    -k: n - k     n - 1 + k: k - 1        padding <= n
//   reflect     -k: k         n - 1 + k: n - 1 - k    padding < n
//   replicate   -k: 0         n - 1 + k: n - 1
//
// A field is channels last, as in convolution.h.
#ifndef GFE_EXTENSION_H
#define GFE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/convolution.h"
#include "ground/real.h"

enum padding_mode { PADDING_ZERO, PADDING_PERIODIC, PADDING_REFLECT, PADDING_REPLICATE };
const char *padding_mode_name(int mode);  // NULL beyond the last

// Plain data. Extension by zeros is not included: convolutions do that themselves.
struct extension {
  enum padding_mode mode;
  size_t channels, size[CONVOLUTION_AXES], padding[CONVOLUTION_AXES];
};

// The largest padding that an axis of `length` positions allows.
size_t extension_most(enum padding_mode mode, size_t length);

// Elements of an extended sample.
size_t extension_stride(const struct extension *e);

// extended = the fields, extended.
void extension_spread(const struct extension *e, size_t samples, const real *fields,
                      real *extended);

// fields = for each position, the sum over all its copies in `extended`, in memory order; `add`:
// added one after the other to the existing contents.
void extension_collect(const struct extension *e, size_t samples, const real *extended, bool add,
                       real *fields);

#endif
