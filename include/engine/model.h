// What is trained: how the latents of a batch, and with them the gradient of its mean loss, are
// obtained. There is one row of the table in model.c per kind (enum model_kind in config.h).
#ifndef GFE_MODEL_H
#define GFE_MODEL_H

#include <stdbool.h>

#include "engine/batch_gradient.h"
#include "engine/run.h"
#include "engine/shard.h"
#include "ground/state.h"

struct model;  // owned by the caller of model_create()

// The model named in the input file, for run->decoder (run is borrowed).
struct model *model_create(struct run *run);
void model_destroy(struct model **model);

// What a step needs to know, and its result.
struct model_step {
  // To be set before the step, like the notices in `totals`:
  int64_t pass;     // over the samples, from 0
  double fraction;  // of full steps that the last layer takes
  struct batch_totals totals;
  double seconds;  // of this rank's work on its samples, where it differs between ranks
};

// Where the latents that the samples bring to a step come from: the previous epoch, or zero; the
// previous step, which had the same samples; or any earlier step.
enum model_latents { LATENTS_EARLIER, LATENTS_OF_BATCH, LATENTS_DRAWN };

// Writes the latents, losses and counts of the batch, whose part on this rank is `shard`, into its
// encoding, and the gradient of the mean loss into `gradient` (update_gradient()). False if loss or
// gradient is not finite. Collective.
bool model_step(struct model *model, struct shard *shard, enum model_latents latents,
                real *gradient, struct model_step *step);

// Whether training leaves latents from which later flows of its samples continue.
bool model_keeps_latents(const struct run *run);

// Whether training flows may run on any rank: not if there are none, nor with an adjoint, which
// goes back along them on the ranks of their tiles. And whether they then take different numbers of
// evaluations: not if they share their steps.
bool model_flows_are_free(const struct run *run);
bool model_flows_are_uneven(const struct run *run);

// Adds what determines later steps, other than theta, to a state.
void model_state(struct model *model, struct state *state);

// Bytes of work space for a step, excluding the recorded steps of flows.
double model_bytes(const struct run *run);

// Bytes that the flows of `samples` samples leave behind for the gradient and the next step.
double model_carry_bytes(const struct run *run, double samples);

#endif
