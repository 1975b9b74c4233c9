// The gradient of a batch's mean loss with respect to theta: at the latents that the flows found,
// and through the flows if an adjoint is requested; or at the latents that an encoder computes, and
// through the encoder. It is summed over tiles so that the bits do not depend on the ranks
// (reduction.h).
#ifndef GFE_BATCH_GRADIENT_H
#define GFE_BATCH_GRADIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/decoder.h"
#include "engine/shard.h"
#include "flow/adjoint.h"
#include "flow/solver.h"
#include "ground/state.h"
#include "platform/comm.h"

struct batch_gradient;  // owned by the caller of batch_gradient_create()

// For tiles of up to `tile` samples; `flow` are the options of the flows, of which `adjoint` (enum
// adjoint_kind) is taken. Without a flow (NULL) latents come from decoder->encoder. Products have
// up to `rows` rows, or those of a tile. decoder and flow are borrowed.
struct batch_gradient *batch_gradient_create(struct comm *comm, const struct decoder *decoder,
                                             size_t rows, int64_t tile, enum adjoint_kind adjoint,
                                             const struct solver_options *flow);
void batch_gradient_destroy(struct batch_gradient **batch);

// From now on compute only this rank's share of a gradient (comm_share()). All ranks alike.
void batch_gradient_want_share(struct batch_gradient *batch);

// Where the flows of `count` samples must record their steps (encoding.trajectories): borrowed;
// NULL if there is no adjoint.
struct trajectory **batch_gradient_trajectories(struct batch_gradient *batch, int64_t count);

// What all ranks learn about a step from the message that the gradient needs anyway.
enum { BATCH_NOTICES = 2 };
struct batch_totals {
  double loss;                     // sum of the batch's losses
  int64_t evaluations;             // of its flows, sum
  int64_t notices[BATCH_NOTICES];  // in: those of this rank; out: the maxima over all ranks
};

// gradient [decoder->count, or this rank's share] of the mean loss of the batch whose part on this
// rank is `shard`, at its latents; where these come from the encoder, they and the losses are
// stored in the shard's encoding. An adjoint requires flows to run on the ranks of their tiles.
// False if the gradient or the loss is not finite. Collective.
bool batch_gradient_compute(struct batch_gradient *batch, struct shard *shard,
                            struct batch_totals *totals, real *gradient);

// Adds what determines later gradients to a state.
void batch_gradient_state(struct batch_gradient *batch, struct state *state);

// Bytes that a batch gradient takes on a rank, without the trajectories; and the most that the
// trajectories of `samples` samples take.
double batch_gradient_bytes(const struct decoder *decoder, size_t rows, int64_t tile,
                            enum adjoint_kind adjoint, const struct solver_options *flow);
double batch_gradient_trajectory_bytes(const struct decoder *decoder, int64_t samples,
                                       const struct solver_options *flow);

#endif
