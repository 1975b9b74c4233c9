// A run that starts from the POD of its training samples (decoder.initial: pod), or stops there
// (run.model: pod). The decoder's layers become one branch of a residual and a linear layer the
// other: the linear layer is the POD, and the last layers of the first branch are 0, so that the
// untrained decoder equals POD to all digits. All parameters are trained. An autoencoder's encoder
// is treated in the same way, with a linear layer that gives POD codes.
#ifndef GFE_POD_START_H
#define GFE_POD_START_H

#include "engine/run.h"
#include "ground/error.h"

// Resolves decoder.initial, and with it the layers of run->config: to be called once the shapes of
// the sets are known and before the decoder exists. The same on all ranks.
void pod_start_settle(struct run *run, struct error *error);

// Whether decoder.initial or run.model asks for POD, once that is resolved.
bool pod_start_wanted(const struct run *run);

// Fits run->pod and sets the parameters of decoder and encoder from it and from run.seed, packed.
// The training set must be loaded. Collective.
void pod_start_decoder(struct run *run);

// Fills latents [local_count of the training set][real_padded(d)] with POD codes if the decoder was
// initialised from run->pod.
void pod_start_latents(const struct run *run, real *latents);

// Bytes that the fit takes on a rank in addition to the samples.
double pod_start_bytes(const struct run *run);

#endif
