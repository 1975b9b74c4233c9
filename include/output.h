// The files of a run: results.h5, used_parameters.yaml, summary.json.
#ifndef GFE_OUTPUT_H
#define GFE_OUTPUT_H

#include "evaluation.h"
#include "history.h"
#include "run.h"

// Makes the run directory (with its parents) and writes used_parameters.yaml. Collective.
void output_begin(const struct run *run);

// A path inside the run directory; owned by the caller.
char *output_path(const struct run *run, const char *name);

// Writes results.h5: the evaluated sets (NULL: none), history, decoder, provenance. An existing
// file is replaced only when the new one is complete. Collective.
void output_results(struct run *run, struct evaluation *const evaluations[SET_COUNT],
                    const struct history *history, const char *command);

// Writes summary.json.
void output_summary(const struct run *run, struct evaluation *const evaluations[SET_COUNT],
                    const struct history *history, double seconds, const char *exit_reason);

#endif
