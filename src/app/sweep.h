// A study of many runs from one input: its section `sweep` says which keys take which values, and
// each combination is a task with its own directory.
//
//   sweep:
//     grid:    {KEY: [values], ...}         every combination; the first key varies slowest
//     zip:     {KEY: [values], ...}         lists of equal length, side by side
//     list:    [{KEY: value, ...}, ...]     as written
//     random:  {samples: N, seed: S, KEY: {range: [a, b], log: true}, KEY: {choices: [values]}}
//
// Several of them can be combined: random varies slowest (so that more samples only add tasks),
// then grid, zip and list.
#ifndef GFE_SWEEP_H
#define GFE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"
#include "input/config.h"

enum { SWEEP_NO_TASK = -1 };

struct sweep;

// Reads an input file with its overrides and checks every task, unless an earlier start has
// recorded that it did so (sweep_record()). Owned; NULL with a message in *error. Not collective:
// rank 0 alone, like all of this module.
struct sweep *sweep_read(const char *path, const char *const *overrides, size_t override_count,
                         struct error *error);
void sweep_destroy(struct sweep **sweep);

// Number of tasks; 0 for an input without a section `sweep`.
int64_t sweep_count(const struct sweep *sweep);

// The values of one task, run.directory among them, or of the input itself if it has no sweep.
// `task` is the one given on the command line, or SWEEP_NO_TASK, in which case Slurm's
// SLURM_ARRAY_TASK_ID is used. False with a message in *error if there is no such task, for a task
// without a sweep or a sweep without a task, or if the directory of another study's task is in the
// way.
bool sweep_choose(struct sweep *sweep, int64_t task, struct config *config, struct error *error);

// Prints every task with its state, directory and values, and calls sweep_record() if the run
// directory exists. False with a message in *error if there is no sweep.
bool sweep_list(struct sweep *sweep, struct error *error);

// Writes a list of the tasks to `sweep.json` in the run directory, which is created if necessary.
// The file is replaced as a whole and is the same from every task. Does nothing for an input
// without a sweep.
void sweep_record(const struct sweep *sweep);

#endif
