// A run from its beginning, or from its last checkpoint, to its results: the tasks one after the
// other, with checkpoints and stops in between.
#ifndef GFE_JOB_H
#define GFE_JOB_H

#include <stdbool.h>

#include "engine/run.h"

// Whether an earlier run has done all that this input asks for. Collective.
bool job_is_finished(const struct run *run);

// Runs the tasks of a run whose data are loaded and writes its files. `command` is the command
// line. Returns the exit code. Collective.
int job_run(struct run *run, const char *command);

#endif
