// Checkpoints: what a run needs to continue as if nothing had happened, on any number of ranks. The
// run directory holds the last one, checkpoint.h5, and the one before it, checkpoint.h5.prev; a new
// one is written beside them, read back and compared, and renamed into place, so that a complete
// one exists at every moment. A file consists of a block of text, with the length and the checksum
// of all its bytes, followed by HDF5; it is trusted only if both match.
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

// Writes the state. A failure is the environment's error; earlier checkpoints are kept. Collective.
void checkpoint_write(struct checkpoint *checkpoint, const struct state *state);

// Seconds that the last checkpoint_write() took; an estimate if there was none. Rank 0's clock.
double checkpoint_seconds(const struct checkpoint *checkpoint);

// Finds the checkpoint that run.restart asks for: the newest intact one. False if the run is to
// begin from scratch. Damage that leaves nothing to resume from, and changes to the input or the
// data that contradict what has been computed, are the user's errors; lesser ones are logged.
// Collective.
bool checkpoint_open(struct checkpoint *checkpoint, struct error *error);

// Reads the fields of a state from the open checkpoint; each must be present with its shape.
// Collective; errors as above (comm_settle() them before use).
void checkpoint_read(struct checkpoint *checkpoint, const struct state *state, struct error *error);

// Whether a set contains different samples from when the open checkpoint was written, so that what
// the checkpoint says about them is invalid.
bool checkpoint_data_changed(const struct checkpoint *checkpoint, enum set set);

// The path of the open checkpoint, borrowed.
const char *checkpoint_path(const struct checkpoint *checkpoint);

#endif
