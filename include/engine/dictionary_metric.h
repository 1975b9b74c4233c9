// The first metric of flows that begin at an entry of the dictionary: the inverse of the Hessian
// that the loss has there for a sample which the decoder reproduces exactly. As there is no
// residual, this Hessian is the Gauss-Newton matrix J^T J, in units of the loss. It depends on the
// decoder alone, provided that all entries of a sample count. Beyond DICTIONARY_METRIC_LATENT
// numbers in a latent, one metric per entry costs too much, and one from the mean over
// METRIC_ENTRIES entries serves all.
#ifndef GFE_DICTIONARY_METRIC_H
#define GFE_DICTIONARY_METRIC_H

#include "engine/run.h"

enum {
  METRIC_ENTRIES = 30,
  METRIC_LATENT_MOST = 256  // there is none for longer latents
};

struct dictionary_metric;  // work space; owned by the caller of dictionary_metric_begin()

// For entries of run->dictionary, which keeps the metrics that are made. NULL if the solver takes
// none or latents are too long. Not collective: the bits are the same on every rank.
struct dictionary_metric *dictionary_metric_begin(struct run *run);
void dictionary_metric_end(struct dictionary_metric **work);

// The metric of a trained entry, [d][real_padded(d)] (borrowed from the dictionary); NULL if the
// decoder does not depend on z there.
const real *dictionary_metric_of(struct dictionary_metric *work, int64_t entry);

// To be called when training has ended: computes the missing metrics, to be stored with the
// decoder. Does nothing if the training samples have weights, since then the metrics are probably
// of no use, nor for a dictionary read from a file. Collective.
void dictionary_metric_complete(struct run *run);

// Bytes of the work space and of all metrics.
double dictionary_metric_bytes(const struct run *run);

#endif
