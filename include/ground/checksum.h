// A sum over words that shows whether bytes have changed: each word is mixed with its position and
// the results are added, so that the sum does not depend on who adds which part. A change to a
// single word always changes the sum, any other change does with probability 1 - 2^-64. Guards
// against accidents, not against forgery.
#ifndef GFE_CHECKSUM_H
#define GFE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// The sum of `bytes` bytes that begin at word `first` (of 8 bytes) of a larger whole; an incomplete
// last word counts as padded with zeros. Parts are combined by adding their sums.
uint64_t checksum(const void *data, size_t bytes, uint64_t first);

#endif
