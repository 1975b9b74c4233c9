#include "engine/replay.h"

#include "engine/sample_order.h"
#include "ground/least.h"

// Draws have their own keys, distinct from those of the epochs' orders.
static const uint64_t first_key = (uint64_t)1 << 62;

int64_t replay_batch_size(const struct config *config, int64_t count, int64_t batch) {
  return least_int64(config->training.batch, count - batch * config->training.batch);
}

int64_t replay_loaded(const struct config *config, int64_t count, int64_t epoch, int64_t batch) {
  const bool new_copies = config_makes_copies(config);  // then only this pass's latents fit them
  return epoch > 0 && !new_copies ? count
                                  : least_int64((batch + 1) * config->training.batch, count);
}

int64_t replay_draw_size(const struct config *config, int64_t loaded) {
  return least_int64(config->training.batch, loaded);
}

struct sample_order *replay_draw(const struct config *config, const struct sample_order *order,
                                 int64_t loaded, int64_t step) {
  return sample_order_drawn(order, loaded, replay_draw_size(config, loaded),
                            (uint64_t)config->run.seed, first_key + (uint64_t)step);
}

int64_t replay_uses(const struct config *config, int64_t count, int64_t epoch) {
  const int64_t updates = config->training.updates, batch = config->training.batch;
  if (!config->training.replay) return count * updates;
  int64_t uses = count;
  for (int64_t k = 0; k * batch < count; k++)
    uses += (updates - 1) * replay_draw_size(config, replay_loaded(config, count, epoch, k));
  return uses;
}
