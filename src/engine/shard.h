// Sends the samples of a batch from the ranks that hold them to those that work on them, and the
// results back. The flow of a sample may run on any rank; for the gradient, the batch
// is cut into tiles of fixed composition, and a tile has one owner. CONTRIBUTING.md says why: where
// a sample is computed never changes what is computed. Ranks communicate point to point.
#ifndef GFE_SHARD_H
#define GFE_SHARD_H

#include <stdint.h>

#include "data/dataset.h"
#include "engine/encoding.h"
#include "engine/sample_order.h"
#include "engine/samples.h"
#include "platform/comm.h"

// This rank's part of a batch: first the samples whose flows it runs, in order of position, then
// those that only belong to its tiles.
struct shard {
  int64_t size;                  // samples in the whole batch
  int64_t tile, tile_count;      // positions per tile, tiles in the whole batch
  int64_t tile_first, tile_end;  // this rank's tiles
  struct samples samples;        // those with own flows
  struct samples all;            // all; the arrays are the shard's
  struct encoding *encoding;     // latents of all, results of those with own flows; owned
  real *second;  // [samples.count][real_padded(d)] starts of second flows; owned; NULL: none
  // The rest is shard.c's own.
  struct comm *comm;
  const struct sample_order *order;
  int64_t first;                  // place in the order of the batch's first sample
  size_t d;                       // numbers in a latent
  struct shard_plan *plan;        // who has which flows; NULL: the owner of the tile
  int64_t held;                   // samples in all
  int64_t position_first, tiled;  // of this rank's tiles; positions in them
  int64_t *slot;                  // [position - position_first] which of the samples held is there
};

// Which samples, and how they are distributed.
struct shard_batch {
  int64_t first, size;  // places in the order of the first sample; how many
  int64_t tile;         // samples per tile
  // Recent cost of the flows of this rank's samples, by which flows are distributed. [local_count]
  // on all ranks; NULL on all ranks: the owner of a tile has its flows.
  const int64_t *evaluations;
  int together;  // ranks that share out flows among themselves, at most; 0: 64
  // Where second flows begin, [local_count][real_padded(d)]; NULL on all ranks: there are none.
  const real *second;
};

// Gathers a batch of `order` (borrowed as long as the shard lives); latents come from `latents`
// ([local_count][real_padded(d)]). Collective.
struct shard *shard_gather(struct comm *comm, const struct sample_order *order,
                           const struct shard_batch *batch, size_t d, const real *latents);

// Which of the samples held is the one at a position of this rank's tiles.
int64_t shard_slot(const struct shard *shard, int64_t position);

// Takes the latents from where the flows ran to the owners of the tiles. Collective.
void shard_deliver(struct shard *shard);

// Sends latents and numbers of evaluations back to the ranks that hold the samples; either may be
// NULL. Collective.
void shard_return(struct shard *shard, real *latents, int64_t *evaluations);

void shard_destroy(struct shard **shard);

#endif
