// Which samples the updates of a batch learn from: the batch itself, or, with training.replay, the
// batch in the first update and in each further one as many, drawn from all loaded so far, with the
// latents that they have got.
#ifndef GFE_REPLAY_H
#define GFE_REPLAY_H

#include <stdint.h>

#include "input/config.h"

struct sample_order;

// Samples of batch `batch` (from 0) of a pass over `count`.
int64_t replay_batch_size(const struct config *config, int64_t count, int64_t batch);

// Samples loaded by the time that batch is: in this pass or, unless each has copies of its own, in
// one before.
int64_t replay_loaded(const struct config *config, int64_t count, int64_t epoch, int64_t batch);

// Samples that a draw from `loaded` ones has.
int64_t replay_draw_size(const struct config *config, int64_t loaded);

// The draw for the update number `step` (from 0) of a training, of the first
// `loaded` samples of `order` (borrowed). To be destroyed by the caller.
struct sample_order *replay_draw(const struct config *config, const struct sample_order *order,
                                 int64_t loaded, int64_t step);

// Samples in all updates of pass `epoch` (from 0) over `count` samples: divided by `count`, the
// uses per sample. It is the same for all passes after the first.
int64_t replay_uses(const struct config *config, int64_t count, int64_t epoch);

#endif
