// The smaller of two counts.
#ifndef GFE_LEAST_H
#define GFE_LEAST_H

#include <stddef.h>
#include <stdint.h>

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }
static inline int64_t least_int64(int64_t a, int64_t b) { return a < b ? a : b; }

#endif
