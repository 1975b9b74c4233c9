// Comparison of what must be the same on all ranks: a rank that has gone astray, because of bad
// memory or a different program on its node, would spoil the results silently.
#ifndef GFE_AGREEMENT_H
#define GFE_AGREEMENT_H

#include <stddef.h>

#include "ground/ranks.h"

// Each rank compares its `text`, of fewer than 256 bytes, with that of rank 0. A difference is the
// environment's error; the message gives `what` it is, both texts and both hosts. Collective.
void agreement_check(const struct ranks *ranks, const char *what, const char *text);

// The same for the checksum of some bytes.
void agreement_check_bytes(const struct ranks *ranks, const char *what, const void *data,
                           size_t bytes);

#endif
