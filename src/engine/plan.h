// What the program chooses for training if the input says `auto` (training.updates, learning_rate
// and schedule), and the updates over which the learning rate falls.
#ifndef GFE_PLAN_H
#define GFE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "input/config.h"

// Rules for config_resolve(), in this order. The facts are a struct run whose sets are counted.
void plan_updates(struct config *config, const void *run);
void plan_rate(struct config *config, const void *run);
void plan_schedule(struct config *config, const void *run);

// A decreasing rate falls over `steps` updates, from update `first` on, if training lasts `epochs`
// epochs.
struct plan {
  int64_t first, steps, epochs;
};

// The plan for `batches` batches per epoch.
struct plan plan_make(const struct config *config, int64_t batches);

// Whether a different number of epochs changes the plan for what is left instead of being refused.
bool plan_is_open(const struct config *config);

// The plan once training has reached update `step`, with `left` batches to come.
struct plan plan_anew(const struct config *config, int64_t step, int64_t left);

double plan_learning_rate(const struct plan *plan, const struct config *config, int64_t step,
                          int64_t epoch);

#endif
