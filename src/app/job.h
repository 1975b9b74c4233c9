// A run from its beginning, or from its last checkpoint, to its results: the tasks one after the
// other, with checkpoints and stops in between.
#ifndef GFE_JOB_H
#define GFE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"

// Whether an earlier run has done everything that this input asks for, and the files that it read
// have not been touched since. Collective.
bool job_is_finished(const struct run *run);

// The same once the data are loaded: the files may have been touched, copied or rewritten, as long
// as their contents are the same. Says what differs. Collective.
bool job_is_unchanged(const struct run *run);

// The epochs of the earlier run, on rank 0.
int64_t job_epochs(const struct run *run);

// Ends all ranks with the user's mistake if another job works in the run directory. Collective.
void job_check_directory(const struct run *run);

// Runs the tasks of a run whose data are loaded and writes its files. `command` is the command
// line. Returns the exit code. Collective.
int job_run(struct run *run, const char *command);

#endif
