// From samples to the codes of a POD and back. What all samples need for that is prepared once.
#ifndef GFE_POD_CODES_H
#define GFE_POD_CODES_H

#include "engine/pod.h"

struct pod_codes;

// For a POD, which is borrowed. Owned by the caller. No function in this file is collective.
struct pod_codes *pod_codes_create(const struct pod *pod);
void pod_codes_destroy(struct pod_codes **codes);

// The codes z [count][real_padded(d)] of samples y [count][stride] that minimise the weighted mean
// square error of what they decode to, which is gappy POD (Everson and Sirovich 1995); for
// cross-entropy, the loss with its ridge. w [count][stride] are the weights, NULL: all 1. Codes are
// 0 along modes with s = 0.
void pod_codes_find(struct pod_codes *codes, size_t count, const real *y, const real *w, real *z);

// Decodes codes to x [count][stride], for cross-entropy to logits. An entry is the mean plus a
// chain of fused multiply-adds over the modes, in double.
void pod_codes_decode(struct pod_codes *codes, size_t count, const real *z, real *x);

// pod_codes_find() for a single use.
void pod_encode(const struct pod *pod, size_t count, const real *y, const real *w, real *z);

#endif
