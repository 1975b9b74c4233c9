// What the files of shard share.
#ifndef GFE_SHARD_INTERNAL_H
#define GFE_SHARD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "engine/shard.h"

// ---- shard.c ----

// Who has the tile of a position of the batch, and the sample that stands there.
int shard_tile_rank(const struct shard *shard, int64_t position);
int shard_home_rank(const struct shard *shard, int64_t position);

// Pieces for or from other ranks. Both ranks of a pair list theirs in order of position.
struct shard_mail {
  struct comm_piece *pieces;
  size_t count, room;
};
struct shard_mail shard_mail_create(int64_t samples, size_t pieces_each);
void shard_mail_add(struct shard_mail *mail, int rank, const void *data, size_t bytes);

// Sends and receives, and frees the lists. Collective.
void shard_mail_transfer(struct comm *comm, struct shard_mail *sent, struct shard_mail *received);

// ---- shard_plan.c ----

// Who has which flows, as far as this rank has to know. Ranks plan in groups of neighbours, each
// group a part of the batch, so that no rank plans the whole of it.
struct shard_plan {
  int64_t begin, end;  // positions whose flows this rank's group takes
  int *flows;          // [end - begin] the rank of the flow there
  int *own;            // the ranks of the flows of this rank's samples, in order of position
  int *tiles;          // [position - shard->position_first] of those in its tiles
};

// Finds the plan by what flows took lately, evaluations[local_count], in groups of up to `together`
// ranks, and allocates it. Collective.
struct shard_plan *shard_plan_create(const struct shard *shard, const int64_t *evaluations,
                                     int together);
void shard_plan_destroy(struct shard_plan **plan);

#endif
