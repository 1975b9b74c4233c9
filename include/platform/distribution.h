// Who has which of `count` things in a row (samples, tiles, words): each of `ranks` ranks a range,
// as even as can be.
#ifndef GFE_DISTRIBUTION_H
#define GFE_DISTRIBUTION_H

#include <stdint.h>

// Where a rank's range begins; that of rank `ranks` would begin at `count`.
int64_t distribution_first(int64_t count, int ranks, int rank);

// The rank that has thing i.
int distribution_home(int64_t count, int ranks, int64_t i);

#endif
