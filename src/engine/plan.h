// What a training is planned to be where the input leaves it to the program (training.updates,
// learning_rate and schedule: auto), and the updates over which its learning rate falls.
#ifndef GFE_PLAN_H
#define GFE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "input/config.h"

// Rules for config_resolve(), in this order. The facts are a struct run whose sets are counted.
void plan_updates(struct config *config, const void *run);
void plan_rate(struct config *config, const void *run);
void plan_schedule(struct config *config, const void *run);

// A falling rate falls over `steps` updates from number `first` on, in a training of `epochs`.
struct plan {
  int64_t first, steps, epochs;
};

// That of a training with `batches` batches per epoch.
struct plan plan_make(const struct config *config, int64_t batches);

// Whether another number of epochs changes the plan of what is left rather than being refused.
bool plan_is_open(const struct config *config);

// The plan of a training that stands at an update, with `left` batches to come.
struct plan plan_anew(const struct config *config, int64_t step, int64_t left);

double plan_learning_rate(const struct plan *plan, const struct config *config, int64_t step,
                          int64_t epoch);

#endif
