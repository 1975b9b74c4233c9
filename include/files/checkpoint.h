// Checkpoints: what a run needs to go on as if nothing had happened, on any number of ranks. The
// run directory holds the last one, checkpoint.h5, and the one before it, checkpoint.h5.prev; a new
// one is written beside them, read back and compared, and renamed into place, so that at every
// moment a complete one exists. A file is HDF5 behind a block of text with its length and the
// checksum of all its bytes; it is believed only if these hold.
#ifndef GFE_CHECKPOINT_H
#define GFE_CHECKPOINT_H

#include <stdbool.h>

#include "engine/run.h"
#include "ground/state.h"

struct checkpoint;  // owned by the caller of checkpoint_create()

// For the checkpoints of a run whose data are loaded; `command` (borrowed) is the command line.
// Collective.
struct checkpoint *checkpoint_create(struct run *run, const char *command);
void checkpoint_destroy(struct checkpoint **checkpoint);

// Writes the state. A failure is the environment's error: what was there before stays. Collective.
void checkpoint_write(struct checkpoint *checkpoint, const struct state *state);

// Seconds that checkpoint_write() took last; before it was ever called, a guess. Rank 0's clock.
double checkpoint_seconds(const struct checkpoint *checkpoint);

// Finds the checkpoint that run.restart asks for: the newest that is whole. False if the run is to
// begin from the start. Damage that leaves nothing to go on from, and changes of the input or the
// data that contradict what has been computed, are errors of the user's; lesser ones are logged.
// Collective.
bool checkpoint_open(struct checkpoint *checkpoint, struct error *error);

// Reads the fields of a state from the checkpoint that is open; each must be there with its shape.
// Collective; errors as above (comm_settle() them before use).
void checkpoint_read(struct checkpoint *checkpoint, const struct state *state, struct error *error);

// Whether a set holds other samples than when the checkpoint that is open was written, so that what
// it says of them is void.
bool checkpoint_data_changed(const struct checkpoint *checkpoint, enum set set);

// The path of the checkpoint that is open, borrowed.
const char *checkpoint_path(const struct checkpoint *checkpoint);

#endif
