// From the configuration and the files that it names to a run that the tasks can work with.
#ifndef GFE_SETUP_H
#define GFE_SETUP_H

#include "engine/run.h"

// Shapes the run after `config` (read on rank 0, broadcast here): the decoder, the sets' shapes,
// the rows of products. Opens every file, reads no samples, writes nothing. The user's mistakes
// end all ranks. Owned by the caller (run_destroy()). Collective.
struct run *setup_prepare(struct comm *comm, const struct config *config);

// In place of setup_load(), for --check: looks through the samples of every set that is used, keeps
// none, and finds what setup_load() would complain of. What is known of channels is the caller's.
// Collective.
void setup_survey(struct run *run, struct dataset_survey surveys[SET_COUNT]);

// Reads and scales the samples and gives the decoder its parameters. The user's mistakes end all
// ranks. Collective.
void setup_load(struct run *run);

#endif
