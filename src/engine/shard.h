// A batch's samples on their way from the ranks that hold them to the ranks that work on them, and
// their latents on the way back. The batch is cut into tiles of fixed composition; a tile has one
// owner. CONTRIBUTING says why: where a sample is computed never changes what is computed.
#ifndef GFE_SHARD_H
#define GFE_SHARD_H

#include <stdint.h>

#include "data/dataset.h"
#include "engine/ensemble.h"
#include "platform/comm.h"

// Set index of the sample at a position of the batch.
typedef int64_t shard_order(const void *context, int64_t position);

// This rank's part of a batch. Samples stand in order of arrival; `slot` finds them by position.
struct shard {
  int64_t size;                  // samples in the whole batch
  int64_t tile, tile_count;      // positions per tile, tiles in the whole batch
  int64_t tile_first, tile_end;  // this rank's tiles
  int64_t position_first;        // position of the first sample of tile_first
  struct samples samples;        // what has arrived; arrays owned by the shard
  struct encoding *encoding;     // their latents and results, owned
  int64_t *slot;                 // [position - position_first] -> place in `samples`
  // The rest is shard.c's own.
  struct comm *comm;
  const struct dataset *data;
  size_t d;
  int *send_counts, *receive_counts;  // [ranks]
  int64_t *leaving, leaving_count;    // local samples that were sent, in order of sending
};

// Gathers the batch of `size` samples that `order` names; latents come from `latents`
// ([data->local_count][real_padded(d)]). Collective.
struct shard *shard_gather(struct comm *comm, const struct dataset *data, size_t d,
                           const real *latents, int64_t size, int64_t tile, shard_order *order,
                           const void *context);

// Sends the latents back to where they live. Collective.
void shard_return(struct shard *shard, real *latents);

void shard_destroy(struct shard **shard);

#endif
