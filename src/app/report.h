// What the run says on screen.
#ifndef GFE_REPORT_H
#define GFE_REPORT_H

#include "engine/evaluation.h"
#include "engine/gradient_check.h"
#include "engine/history.h"
#include "engine/run.h"

// What will run: samples, decoder, ranks, tile, instruction set.
void report_start(const struct run *run);

// The long answer of --check: what the sets are like, the decoder layer by layer, memory, file
// sizes, the resolved input.
void report_check(const struct run *run, const struct dataset_survey surveys[SET_COUNT]);

// That an earlier run has done everything, and how to run it anew.
void report_finished(const struct run *run);

// One line per epoch, which counts from 0.
void report_epoch_header(const struct run *run);
void report_epoch(int64_t epoch, const struct history_epoch *record);

// The table of the gradient check, with verdicts.
void report_gradient_check(const struct gradient_check *check);

void report_evaluation(const struct run *run, const struct evaluation *evaluation);

// A table of the errors of a set, with a column per source of reconstructions.
void report_errors(const struct run *run, const struct evaluation *evaluation);

// Phases: min, mean, max over ranks and share of the whole. Collective.
void report_phases(struct run *run);

#endif
