// Which samples the updates of a batch use: the batch itself or, with training.replay, the batch in
// the first update and, in each further one, as many samples drawn from all loaded so far, with
// their present latents.
#ifndef GFE_REPLAY_H
#define GFE_REPLAY_H

#include <stdint.h>

#include "input/config.h"

struct sample_order;

// The number of samples in batch `batch` (from 0) of a pass over `count`.
int64_t replay_batch_size(const struct config *config, int64_t count, int64_t batch);

// The number of samples loaded once that batch is: in this pass or, unless each pass has copies of
// its own, in an earlier one.
int64_t replay_loaded(const struct config *config, int64_t count, int64_t epoch, int64_t batch);

// The number of samples in a draw from `loaded` ones.
int64_t replay_draw_size(const struct config *config, int64_t loaded);

// The draw for update number `step` (from 0) of training, from the first `loaded` samples of
// `order` (borrowed). To be destroyed by the caller.
struct sample_order *replay_draw(const struct config *config, const struct sample_order *order,
                                 int64_t loaded, int64_t step);

// How many samples all updates of pass `epoch` (from 0) over `count` samples use; divided by
// `count`, the uses per sample. The same for all passes after the first.
int64_t replay_uses(const struct config *config, int64_t count, int64_t epoch);

#endif
