// Which rank runs which flows of a batch. In a group of ranks, each collects the costs at some
// positions from the samples' home ranks and sends them to the others of the group, which all find
// the same assignment; it then informs the homes of these samples and the owners of their tiles.
#include <assert.h>

#include "engine/balance.h"
#include "engine/shard_internal.h"
#include "ground/memory.h"

// Neighbouring ranks, and the positions whose flows they take.
struct group {
  int first, ranks;
  int64_t begin, end;
};

// How the ranks of a batch are grouped.
struct grouping {
  int ranks, groups;
  int64_t size;
};

static struct grouping grouping_of(const struct shard *s, int together) {
  const int ranks = comm_size(s->comm);
  return (struct grouping){
      .ranks = ranks, .groups = (ranks + together - 1) / together, .size = s->size};
}

static struct group group_at(struct grouping g, int k) {
  const int first = (int)comm_share_first(g.ranks, g.groups, k);
  return (struct group){.first = first,
                        .ranks = (int)comm_share_first(g.ranks, g.groups, k + 1) - first,
                        .begin = comm_share_first(g.size, g.groups, k),
                        .end = comm_share_first(g.size, g.groups, k + 1)};
}

// The rank that collects the cost at a position.
static int collector(struct grouping g, int64_t position) {
  const struct group group = group_at(g, comm_share_home(g.size, g.groups, position));
  return group.first +
         comm_share_home(group.end - group.begin, group.ranks, position - group.begin);
}

// Positions that a rank of a group collects.
struct part {
  int64_t begin, end;
};

static struct part part_of(struct group group, int rank) {
  const int64_t count = group.end - group.begin;
  return (struct part){group.begin + comm_share_first(count, group.ranks, rank - group.first),
                       group.begin + comm_share_first(count, group.ranks, rank - group.first + 1)};
}

static int64_t own_samples(const struct shard *s, const struct own_sample **own) {
  return sample_order_own(s->order, s->first, s->size, own);
}

// ---- costs ----

static void collect_costs(const struct shard *s, struct grouping g, struct group group,
                          const int64_t *evaluations, int64_t *costs) {
  const struct part part = part_of(group, comm_rank(s->comm));
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own);
  struct shard_mail sent = shard_mail_create(count, 1);
  struct shard_mail received = shard_mail_create(part.end - part.begin, 1);
  for (int64_t k = 0; k < count; k++)
    shard_mail_add(&sent, collector(g, own[k].place - s->first), &evaluations[own[k].local],
                   sizeof *evaluations);
  for (int64_t p = part.begin; p < part.end; p++)
    shard_mail_add(&received, shard_home_rank(s, p), &costs[p - group.begin], sizeof *costs);
  shard_mail_transfer(s->comm, &sent, &received);
}

static void add_part(struct shard_mail *mail, struct group group, int rank, struct part part,
                     const int64_t *costs) {
  shard_mail_add(mail, rank, costs + (part.begin - group.begin),
                 (size_t)(part.end - part.begin) * sizeof *costs);
}

static void tell_group(const struct shard *s, struct group group, int64_t *costs) {
  const int self = comm_rank(s->comm);
  struct shard_mail sent = shard_mail_create(group.ranks, 1);
  struct shard_mail received = shard_mail_create(group.ranks, 1);
  for (int rank = group.first; rank < group.first + group.ranks; rank++) {
    if (rank == self) continue;
    add_part(&sent, group, rank, part_of(group, self), costs);
    add_part(&received, group, rank, part_of(group, rank), costs);
  }
  shard_mail_transfer(s->comm, &sent, &received);
}

// With a single group, one sum gives all ranks all costs.
static void sum_costs(const struct shard *s, const int64_t *evaluations, int64_t *costs) {
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own);
  for (int64_t k = 0; k < count; k++) costs[own[k].place - s->first] = evaluations[own[k].local];
  comm_sum_int64(s->comm, costs, (size_t)s->size);
}

// ---- answers ----

static void tell_homes(const struct shard *s, struct grouping g, struct group group,
                       struct shard_plan *plan) {
  const struct part part = part_of(group, comm_rank(s->comm));
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own);
  struct shard_mail sent = shard_mail_create(part.end - part.begin, 1);
  struct shard_mail received = shard_mail_create(count, 1);
  for (int64_t p = part.begin; p < part.end; p++)
    shard_mail_add(&sent, shard_home_rank(s, p), &plan->flows[p - group.begin],
                   sizeof *plan->flows);
  for (int64_t k = 0; k < count; k++)
    shard_mail_add(&received, collector(g, own[k].place - s->first), &plan->own[k],
                   sizeof *plan->own);
  shard_mail_transfer(s->comm, &sent, &received);
}

static void tell_owners(const struct shard *s, struct grouping g, struct group group,
                        struct shard_plan *plan) {
  const struct part part = part_of(group, comm_rank(s->comm));
  struct shard_mail sent = shard_mail_create(part.end - part.begin, 1);
  struct shard_mail received = shard_mail_create(s->tiled, 1);
  for (int64_t p = part.begin; p < part.end; p++)
    shard_mail_add(&sent, shard_tile_rank(s, p), &plan->flows[p - group.begin],
                   sizeof *plan->flows);
  for (int64_t k = 0; k < s->tiled; k++)
    shard_mail_add(&received, collector(g, s->position_first + k), &plan->tiles[k],
                   sizeof *plan->tiles);
  shard_mail_transfer(s->comm, &sent, &received);
}

static void look_up(const struct shard *s, struct shard_plan *plan) {
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own);
  for (int64_t k = 0; k < count; k++) plan->own[k] = plan->flows[own[k].place - s->first];
  for (int64_t k = 0; k < s->tiled; k++) plan->tiles[k] = plan->flows[s->position_first + k];
}

// ---- the whole ----

struct shard_plan *shard_plan_create(const struct shard *s, const int64_t *evaluations,
                                     int together) {
  assert(together > 0);
  const struct grouping g = grouping_of(s, together);
  const struct group group = group_at(g, comm_share_home(g.ranks, g.groups, comm_rank(s->comm)));
  const int64_t flows = group.end - group.begin;
  const struct own_sample *own;
  struct shard_plan *plan = memory_new(struct shard_plan, 1);
  *plan = (struct shard_plan){.begin = group.begin,
                              .end = group.end,
                              .flows = memory_new(int, flows),
                              .own = memory_new(int, own_samples(s, &own)),
                              .tiles = memory_new(int, s->tiled)};
  int64_t *costs = memory_new(int64_t, flows);
  if (g.groups == 1) {
    sum_costs(s, evaluations, costs);
  } else {
    collect_costs(s, g, group, evaluations, costs);
    tell_group(s, group, costs);
  }
  balance_flows(flows, costs, group.ranks, plan->flows);
  for (int64_t i = 0; i < flows; i++) plan->flows[i] += group.first;
  memory_free(&costs);
  if (g.groups == 1) {
    look_up(s, plan);
  } else {
    tell_homes(s, g, group, plan);
    tell_owners(s, g, group, plan);
  }
  return plan;
}

void shard_plan_destroy(struct shard_plan **plan) {
  if (*plan == NULL) return;
  memory_free(&(*plan)->flows);
  memory_free(&(*plan)->own);
  memory_free(&(*plan)->tiles);
  memory_free(plan);
}
