// Training: batches of flows, the parameter gradient at their ends, the optimiser's step.
#ifndef GFE_TRAINER_H
#define GFE_TRAINER_H

#include <stdbool.h>

#include "history.h"
#include "run.h"

// Trains run->decoder as the input file says and fills `history`. False if the loss or the gradient
// ceased to be finite: a message has been printed and the decoder is the one before that step.
// Collective.
bool trainer_run(struct run *run, struct history *history);

#endif
