// Output of the run on screen.
#ifndef GFE_REPORT_H
#define GFE_REPORT_H

#include "engine/evaluation.h"
#include "engine/gradient_check.h"
#include "engine/history.h"
#include "engine/run.h"
#include "engine/trainer.h"

// What will run: samples, decoder, ranks, tile, instruction set.
void report_start(const struct run *run);

// The detailed output of --check: statistics of the sets, the decoder layer by layer, memory, file
// sizes, the resolved input.
void report_check(const struct run *run, const struct dataset_survey surveys[SET_COUNT]);

// Says that an earlier run has done everything, in this many epochs, and how to run it again.
void report_finished(const struct run *run, int64_t epochs);

// One line per epoch; epochs are numbered from 0. `second`: its samples had second flows.
void report_epoch_header(const struct run *run);
void report_epoch(const struct run *run, int64_t epoch, bool second,
                  const struct history_epoch *record);

// The table of the gradient check, with verdicts.
void report_gradient_check(const struct gradient_check *check);

// Which decoder training with validation has kept, and why; nothing before this is decided.
void report_choice(const struct run *run, const struct trainer *trainer);

void report_evaluation(const struct run *run, const struct evaluation *evaluation);

// Warns if the loss of the training samples, encoded as if they were new, is far above that at
// their trained latents.
void report_as_new(double ratio);
// A table of the errors of a set, with a column per source of reconstructions.
void report_errors(const struct run *run, const struct evaluation *evaluation);

// Time per phase: min, mean and max over ranks, and the share of the total. Collective.
void report_phases(struct run *run);

#endif
