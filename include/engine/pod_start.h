// A run that begins at the POD of its training samples (decoder.initial: pod), or ends there
// (run.model: pod). The decoder's layers become one branch of a residual, and a linear layer the
// other: that is the POD, and the last layers of the first branch are 0, so that untrained the
// decoder is POD to all digits. What is trained is everything. An autoencoder's encoder becomes the
// same beside a linear layer that gives POD codes.
#ifndef GFE_POD_START_H
#define GFE_POD_START_H

#include "engine/run.h"
#include "ground/error.h"

// Settles decoder.initial, and with it the layers of run->config: to be called when the sets'
// shapes are known and before there is a decoder. The same on all ranks.
void pod_start_settle(struct run *run, struct error *error);

// Whether decoder.initial or run.model asks for POD, once that is settled.
bool pod_start_wanted(const struct run *run);

// Fits run->pod and makes the parameters of decoder and encoder, packed, of it and of run.seed. The
// training set is loaded. Collective.
void pod_start_decoder(struct run *run);

// Fills latents [local_count of the training set][real_padded(d)] with POD codes if the decoder has
// begun at run->pod.
void pod_start_latents(const struct run *run, real *latents);

// Bytes that the fit takes on a rank beside the samples.
double pod_start_bytes(const struct run *run);

#endif
