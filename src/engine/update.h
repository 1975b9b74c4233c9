// An update of the decoder's parameters from the gradient of a batch. Every rank makes the whole of
// it, or, where ranks times parameters are many, its share: the ranks' gradients then meet in a
// reduce-scatter instead of an Allreduce, each rank updates its share and keeps the optimiser's
// means of that alone, and the ranks collect the new parameters. The bits are the same.
#ifndef GFE_UPDATE_H
#define GFE_UPDATE_H

#include "engine/run.h"
#include "ground/error.h"
#include "ground/state.h"

// Decides run->shares_update, for a decoder that is laid out: by ranks and parameters, or as the
// environment variable GFE_UPDATE of rank 0 says, `whole` or `shared`; a message in *error if it
// says something else. Collective.
void update_settle(struct run *run, struct error *error);

struct update;  // owned by the caller of update_create()

// For run->decoder (run is borrowed).
struct update *update_create(struct run *run);
void update_destroy(struct update **update);

// Where the gradient goes: that of all parameters, or this rank's share (comm_share()). Borrowed.
real *update_gradient(struct update *update);

// One step against the gradient, at a learning rate; the new parameters are packed. Collective.
void update_apply(struct update *update, double rate);

// Adds what decides later updates to a state.
void update_state(struct update *update, struct state *state);

// Bytes on a rank.
double update_bytes(const struct run *run);

#endif
