// Updates of the decoder's parameters from the batch gradient.
#ifndef GFE_OPTIMISER_H
#define GFE_OPTIMISER_H

#include <stddef.h>
#include <stdint.h>

#include "ground/real.h"
#include "ground/state.h"

enum optimiser_kind { OPTIMISER_ADAM, OPTIMISER_RMSPROP, OPTIMISER_SGD };
const char *optimiser_name(int kind);

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE };
const char *schedule_name(int kind);

struct optimiser_options {
  enum optimiser_kind kind;
  enum schedule_kind schedule;
  double learning_rate;
  double beta1, beta2;      // adam: decay of the mean of the gradient and of its square
  double decay;             // rmsprop: decay of the mean square (the paper's alpha, 0.9)
  double momentum;          // sgd
  double epsilon;           // adam, rmsprop; 0 = the optimiser's own (adam 1e-8, rmsprop 1e-6)
  double schedule_factor;   // step: multiplies the rate; cosine: last rate / first rate
  int64_t schedule_epochs;  // step: interval in epochs
};

struct optimiser;  // owned by the caller of optimiser_create()

// State for `count` parameters, all zero.
struct optimiser *optimiser_create(const struct optimiser_options *options, size_t count);
void optimiser_destroy(struct optimiser **optimiser);

// Bytes that optimiser_create() takes for its running means.
size_t optimiser_bytes(const struct optimiser_options *options, size_t count);

// theta -= rate * direction(gradient); `rate` comes from optimiser_rate().
void optimiser_update(struct optimiser *optimiser, double rate, const real *gradient, real *theta);

// Adds everything that determines later updates to a state. If the optimiser has only a rank's
// share of the `total` parameters, that share begins at `first`, a multiple of 8.
void optimiser_state(struct optimiser *optimiser, size_t first, size_t total, struct state *state);

// The learning rate of a step: `step` of `steps` in all, in epoch `epoch` (from 0).
double optimiser_rate(const struct optimiser_options *options, int64_t step, int64_t steps,
                      int64_t epoch);

#endif
