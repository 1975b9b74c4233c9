// A second flow of each training sample, in every k-th pass (k: training.second_flow). It begins at
// the latent of another sample, the one with the smallest loss among some that are drawn; of the
// two ends, the one with the lower loss is kept. So a sample leaves a poor minimum as soon as a
// neighbour's is better, and stays where it is otherwise.
//
// The starts of the second flows are found for all samples at the beginning of a pass and are part
// of the state of training until the end of that pass.
#ifndef GFE_SECOND_FLOW_H
#define GFE_SECOND_FLOW_H

#include "engine/run.h"
#include "engine/shard.h"
#include "engine/starts.h"
#include "ground/state.h"

struct second_flow;  // owned by the caller of second_flow_create()

// For the training samples of `run` (borrowed) as they are now.
struct second_flow *second_flow_create(const struct run *run);
void second_flow_destroy(struct second_flow **second);

// Whether pass `pass` (from 0) has second flows.
bool second_flow_is_due(const struct run *run, int64_t pass);

// At the beginning of pass `pass`: finds the starts, if the pass has second flows, from
// the present decoder and latents [local_count][real_padded(d)]. Collective.
void second_flow_begin(struct second_flow *second, int64_t pass, const real *latents);

// Where they begin, [local_count][real_padded(d)]; NULL in a pass without second flows. Borrowed.
const real *second_flow_latents(const struct second_flow *second);

// At the end of a pass.
void second_flow_end(struct second_flow *second);

// To resume from a state that was taken before batch `batch` of a pass: makes room for the starts,
// if there are any. second_flow_state() adds them to a state, as a field like `samples`.
void second_flow_resume(struct second_flow *second, int64_t pass, int64_t batch);
void second_flow_state(struct second_flow *second, struct state_field samples, struct state *state);

// The two starts of the samples of a batch, owned; NULL without second flows. The shard then drops
// the second ones: only the first of several updates has two flows.
struct starts *second_flow_take(struct shard *shard);

// Bytes that a rank takes for them.
double second_flow_bytes(const struct run *run);

#endif
