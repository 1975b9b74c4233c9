// What must be the same on all ranks, compared: a rank that has gone astray, by bad memory or
// another program on its node, would spoil the results without a word.
#ifndef GFE_AGREEMENT_H
#define GFE_AGREEMENT_H

#include <stddef.h>

#include "ground/ranks.h"

// Each rank compares its `text`, of fewer than 256 bytes, with rank 0's. One that differs is the
// environment's error, with `what` it is, both texts and both hosts. Collective.
void agreement_check(const struct ranks *ranks, const char *what, const char *text);

// The same of the checksum of some bytes.
void agreement_check_bytes(const struct ranks *ranks, const char *what, const void *data,
                           size_t bytes);

#endif
