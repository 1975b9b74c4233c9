// An update of the decoder's parameters from the gradient of a batch. Every rank makes the whole
// update or, if the product of ranks and parameters is large, its share of it: the ranks' gradients
// are then summed by a reduce-scatter instead of an Allreduce, each rank updates its share and
// keeps the optimiser's running means for that share only, and the new parameters are gathered. The
// bits are the same.
#ifndef GFE_UPDATE_H
#define GFE_UPDATE_H

#include "engine/run.h"
#include "ground/error.h"
#include "ground/state.h"

// Decides run->shares_update once the decoder is laid out: by the numbers of ranks and parameters
// or, if it is set, by the environment variable GFE_UPDATE of rank 0, `whole` or `shared`; any
// other value is an error. Collective.
void update_settle(struct run *run, struct error *error);

struct update;  // owned by the caller of update_create()

// For run->decoder (run is borrowed).
struct update *update_create(struct run *run);
void update_destroy(struct update **update);

// Where the gradient goes: for all parameters, or for this rank's share (comm_share()). Borrowed.
real *update_gradient(struct update *update);

// One step against the gradient, at a learning rate; the new parameters are packed. Collective.
void update_apply(struct update *update, double rate);

// Adds what determines later updates to a state.
void update_state(struct update *update, struct state *state);

// Bytes on a rank.
double update_bytes(const struct run *run);

#endif
