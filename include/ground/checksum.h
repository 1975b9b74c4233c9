// A sum over words that tells whether bytes are what they were: each word is mixed with its place
// and the results are added, so that the sum does not depend on who adds which part. Changing any
// one word changes it for certain, anything else with a chance of 1 - 2^-64. Guards against
// accidents, not against forgers.
#ifndef GFE_CHECKSUM_H
#define GFE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// The sum of `bytes` bytes that begin at word `first` (of 8 bytes) of something larger; a last word
// that is not full counts as filled up with zeros. Parts are combined by adding them.
uint64_t checksum(const void *data, size_t bytes, uint64_t first);

#endif
