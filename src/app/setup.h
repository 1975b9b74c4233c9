// Prepares a run, with which the tasks can work, from the configuration and the files that it
// names.
#ifndef GFE_SETUP_H
#define GFE_SETUP_H

#include "engine/run.h"

// Sets up the run according to `config` (read on rank 0, broadcast here): the decoder, the shapes
// of the sets, the rows of products. Opens every file, reads no samples, writes nothing. Mistakes
// by the user end all ranks. Owned by the caller (run_destroy()). Collective.
struct run *setup_prepare(struct comm *comm, const struct config *config);

// For --check, instead of setup_load(): scans the samples of every set that is used without keeping
// any, and finds whatever setup_load() would object to. The statistics of channels are owned by the
// caller. Collective.
void setup_survey(struct run *run, struct dataset_survey surveys[SET_COUNT]);

// Reads and scales the samples and gives the decoder its parameters. The user's mistakes end all
// ranks. Collective.
void setup_load(struct run *run);

#endif
