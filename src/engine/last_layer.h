// Newton steps of a decoder's last layer before an update of all its parameters
// (training.last_layer_steps).
//
// At fixed latents the output x = W h is linear in the last layer's weights and biases W, and the
// loss of a batch is convex in them. The Hessian of output j's part is at most
//
//   (c / n) A,  A = mean over the samples of kappa h h^T,
//
// with c the largest curvature of the loss (loss_ops.curvature), n the entries of a sample, h the
// input of the last layer, extended by 1 for the bias, and kappa = n max(w) / sum(w), which is 1
// without weights. A is the same for all outputs. A step
//
//   W_j -= (n / c) (A + lambda I)^-1 (d loss / d W_j)
//
// therefore never raises the loss (with mse, lambda = 0 and no weights it ends at the minimum):
// variable projection (Golub and Pereyra 1973) with a bound as the metric (Boehning and Lindsay
// 1988). lambda is training.last_layer_damping times the mean diagonal of A; the bias is not
// damped.
//
// Where the output is a sum of dense layers, as in a decoder that starts from POD, the weights of
// all of them and the biases of the first are W.
#ifndef GFE_LAST_LAYER_H
#define GFE_LAST_LAYER_H

#include <stdbool.h>

#include "engine/run.h"
#include "ground/error.h"
#include "ground/state.h"

struct shard;

enum { LAST_LAYER_INPUTS = 4096 };  // most inputs of a last layer, with its bias

// Whether run->decoder has such a last layer; else the reason in *error.
bool last_layer_check(const struct run *run, struct error *error);

struct last_layer;  // owned by the caller of last_layer_create()

// For run->decoder (run is borrowed); NULL unless training.last_layer_steps is positive.
struct last_layer *last_layer_create(struct run *run);
void last_layer_destroy(struct last_layer **last);

// The steps for a batch, times `fraction`, at the latents that its tiles' owners have, or that the
// encoder gives; the new parameters are packed. False if a loss is not finite. Collective.
bool last_layer_advance(struct last_layer *last, const struct shard *shard, double fraction);

// Makes the decoder what it was before the last call of last_layer_advance(), packed.
void last_layer_undo(struct last_layer *last);

// Adds what determines later steps to a state. `last` may be NULL.
void last_layer_state(struct last_layer *last, struct state *state);

// Bytes on a rank.
double last_layer_bytes(const struct run *run);

#endif
