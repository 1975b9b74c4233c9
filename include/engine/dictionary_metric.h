// The first metric of flows that begin at an entry of the dictionary: the inverse Hessian of the
// loss of a sample that the decoder meets exactly there. So there is no residual, and it is the
// Gauss-Newton matrix J^T J of the entry, in units of the loss. It depends on the decoder alone;
// all entries of a sample's must count. Beyond DICTIONARY_METRIC_LATENT numbers in a latent an
// entry of its own costs too much, and the mean over METRIC_ENTRIES entries serves all.
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

// That of a trained entry, [d][real_padded(d)] (borrowed from the dictionary); NULL if the decoder
// does not depend on z there.
const real *dictionary_metric_of(struct dictionary_metric *work, int64_t entry);

// Once nothing is trained any more: makes those that are missing, to be stored with the decoder.
// Not where entries of the training samples have weights: then there is no use for them, most
// likely; nor of a dictionary that was read. Collective.
void dictionary_metric_complete(struct run *run);

// Bytes of the work space and of all metrics.
double dictionary_metric_bytes(const struct run *run);

#endif
