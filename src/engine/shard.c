#include "engine/shard.h"

#include <assert.h>

#include "engine/shard_internal.h"
#include "ground/memory.h"

enum { TOGETHER = 64 };  // ranks that plan their flows together

// ---- who has what ----

// The position where rank r's tiles begin.
static int64_t position_of_rank(const struct shard *s, int rank) {
  const int64_t position = comm_share_first(s->tile_count, comm_size(s->comm), rank) * s->tile;
  return position < s->size ? position : s->size;
}

int shard_tile_rank(const struct shard *s, int64_t position) {
  return comm_share_home(s->tile_count, comm_size(s->comm), position / s->tile);
}

int shard_home_rank(const struct shard *s, int64_t position) {
  const int64_t sample = sample_order_at(s->order, s->first + position);
  return comm_share_home(sample_order_data(s->order)->count, comm_size(s->comm), sample);
}

// This rank's own samples of the batch, in order of position.
static int64_t own_samples(const struct shard *s, const struct own_sample **own) {
  return sample_order_own(s->order, s->first, s->size, own);
}

// The rank of the flow of this rank's k-th own sample, and of position p in its tiles.
static int flow_of_own(const struct shard *s, int64_t k, int64_t position) {
  return s->plan != NULL ? s->plan->own[k] : shard_tile_rank(s, position);
}

static int flow_of_tiled(const struct shard *s, int64_t p) {
  return s->plan != NULL ? s->plan->tiles[p - s->position_first] : comm_rank(s->comm);
}

static bool has_flow(const struct shard *s, int64_t p) {
  return s->plan == NULL || s->plan->flows[p - s->plan->begin] == comm_rank(s->comm);
}

// Lists the samples that this rank will hold: those of its own flows, then the rest of its tiles.
static void list_samples(struct shard *s) {
  const int rank = comm_rank(s->comm);
  const int64_t tiles_end = s->position_first + s->tiled;
  const int64_t begin = s->plan != NULL ? s->plan->begin : s->position_first;
  const int64_t end = s->plan != NULL ? s->plan->end : tiles_end;
  int64_t flows = 0;
  for (int64_t p = begin; p < end; p++) flows += has_flow(s, p);
  int64_t *position = memory_new(int64_t, flows + s->tiled);
  s->slot = memory_new(int64_t, s->tiled);
  for (int64_t p = begin; p < end; p++) {
    if (!has_flow(s, p)) continue;
    if (p >= s->position_first && p < tiles_end) s->slot[p - s->position_first] = s->held;
    position[s->held++] = p;
  }
  assert(s->held == flows);
  for (int64_t p = s->position_first; p < tiles_end; p++) {
    if (flow_of_tiled(s, p) == rank) continue;
    s->slot[p - s->position_first] = s->held;
    position[s->held++] = p;
  }
  s->samples.count = flows;
  s->samples.position = position;
  s->samples.total = s->size;
}

// ---- what goes from rank to rank ----

struct shard_mail shard_mail_create(int64_t samples, size_t pieces_each) {
  const size_t room = (size_t)samples * pieces_each;
  return (struct shard_mail){.pieces = memory_new(struct comm_piece, room), .room = room};
}

void shard_mail_add(struct shard_mail *mail, int rank, const void *data, size_t bytes) {
  assert(mail->count < mail->room);
  mail->pieces[mail->count++] = (struct comm_piece){rank, (void *)data, bytes};
}

void shard_mail_transfer(struct comm *comm, struct shard_mail *sent, struct shard_mail *received) {
  comm_transfer(comm, sent->pieces, sent->count, received->pieces, received->count);
  memory_free(&sent->pieces);
  memory_free(&received->pieces);
}

// ---- from home ----

enum { SAMPLE_PIECES = 5 };  // y, w, weight sum, latent, second latent

// Sample i of arrays with one sample after another. A latent is sent only to the rank of the flow.
static void add_sample(struct shard_mail *mail, int rank, const struct dataset *data, const real *y,
                       const real *w, const double *weight_sum, int64_t i) {
  const size_t at = (size_t)i * data->stride, bytes = data->stride * sizeof(real);
  shard_mail_add(mail, rank, y + at, bytes);
  if (w != NULL) shard_mail_add(mail, rank, w + at, bytes);
  shard_mail_add(mail, rank, weight_sum + i, sizeof *weight_sum);
}

static const real *latent_of(const struct shard *s, const real *latents, int64_t i) {
  return latents + (size_t)i * real_padded(s->d);
}

static size_t latent_bytes(const struct shard *s) { return real_padded(s->d) * sizeof(real); }

static struct shard_mail leave_home(const struct shard *s, const real *latents,
                                    const real *second) {
  const struct dataset *data = sample_order_data(s->order);
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own);
  struct shard_mail mail = shard_mail_create(2 * count, SAMPLE_PIECES);
  for (int64_t k = 0; k < count; k++) {
    const int rank = flow_of_own(s, k, own[k].place - s->first);
    add_sample(&mail, rank, data, data->y, data->w, data->weight_sum, own[k].local);
    shard_mail_add(&mail, rank, latent_of(s, latents, own[k].local), latent_bytes(s));
    if (second != NULL)
      shard_mail_add(&mail, rank, latent_of(s, second, own[k].local), latent_bytes(s));
  }
  for (int64_t k = 0; k < count; k++) {
    const int64_t position = own[k].place - s->first;
    const int rank = shard_tile_rank(s, position);
    if (rank != flow_of_own(s, k, position))
      add_sample(&mail, rank, data, data->y, data->w, data->weight_sum, own[k].local);
  }
  return mail;
}

static struct shard_mail arrive(const struct shard *s, const real *y, const real *w,
                                const double *weight_sum) {
  const struct dataset *data = sample_order_data(s->order);
  struct shard_mail mail = shard_mail_create(s->held, SAMPLE_PIECES);
  for (int64_t i = 0; i < s->held; i++) {
    const int rank = shard_home_rank(s, s->samples.position[i]);
    add_sample(&mail, rank, data, y, w, weight_sum, i);
    if (i >= s->samples.count) continue;
    shard_mail_add(&mail, rank, latent_of(s, s->encoding->z, i), latent_bytes(s));
    if (s->second != NULL) shard_mail_add(&mail, rank, latent_of(s, s->second, i), latent_bytes(s));
  }
  return mail;
}

static void fetch(struct shard *s, const real *latents, const real *second) {
  const struct dataset *data = sample_order_data(s->order);
  const size_t entries = (size_t)s->held * data->stride;
  real *y = memory_new(real, entries), *w = data->w != NULL ? memory_new(real, entries) : NULL;
  double *weight_sum = memory_new(double, s->held);
  s->encoding = encoding_create(s->held, s->d);
  if (second != NULL) s->second = memory_new(real, (size_t)s->samples.count * real_padded(s->d));
  struct shard_mail sent = leave_home(s, latents, second), received = arrive(s, y, w, weight_sum);
  shard_mail_transfer(s->comm, &sent, &received);
  s->samples.y = y;
  s->samples.w = w;
  s->samples.weight_sum = weight_sum;
  s->all = s->samples;
  s->all.count = s->held;
}

struct shard *shard_gather(struct comm *comm, const struct sample_order *order,
                           const struct shard_batch *batch, size_t d, const real *latents) {
  assert(batch->first >= 0 && batch->size > 0 && batch->tile > 0);
  assert(batch->first + batch->size <= sample_order_data(order)->count);
  struct shard *s = memory_new(struct shard, 1);
  s->comm = comm;
  s->order = order;
  s->d = d;
  s->first = batch->first;
  s->size = batch->size;
  s->tile = batch->tile;
  s->tile_count = (batch->size + batch->tile - 1) / batch->tile;
  s->tile_first = comm_share_first(s->tile_count, comm_size(comm), comm_rank(comm));
  s->tile_end = comm_share_first(s->tile_count, comm_size(comm), comm_rank(comm) + 1);
  s->position_first = position_of_rank(s, comm_rank(comm));
  s->tiled = position_of_rank(s, comm_rank(comm) + 1) - s->position_first;
  if (batch->evaluations != NULL && comm_size(comm) > 1)
    s->plan =
        shard_plan_create(s, batch->evaluations, batch->together > 0 ? batch->together : TOGETHER);
  list_samples(s);
  fetch(s, latents, batch->second);
  return s;
}

int64_t shard_slot(const struct shard *s, int64_t position) {
  assert(position / s->tile >= s->tile_first && position / s->tile < s->tile_end);
  return s->slot[position - s->position_first];
}

// ---- to the tiles, and back home ----

void shard_deliver(struct shard *s) {
  if (s->plan == NULL) return;  // they are there
  const int rank = comm_rank(s->comm);
  const int64_t flows = s->samples.count;
  struct shard_mail sent = shard_mail_create(flows, 1),
                    received = shard_mail_create(s->held - flows, 1);
  for (int64_t i = 0; i < s->held; i++) {
    const int64_t position = s->samples.position[i];
    const real *z = latent_of(s, s->encoding->z, i);
    if (i >= flows)
      shard_mail_add(&received, flow_of_tiled(s, position), z, latent_bytes(s));
    else if (shard_tile_rank(s, position) != rank)
      shard_mail_add(&sent, shard_tile_rank(s, position), z, latent_bytes(s));
  }
  shard_mail_transfer(s->comm, &sent, &received);
}

static void add_result(const struct shard *s, struct shard_mail *mail, int rank,
                       const real *latents, const int64_t *evaluations, int64_t i) {
  if (latents != NULL) shard_mail_add(mail, rank, latent_of(s, latents, i), latent_bytes(s));
  if (evaluations != NULL) shard_mail_add(mail, rank, &evaluations[i], sizeof *evaluations);
}

void shard_return(struct shard *s, real *latents, int64_t *evaluations) {
  const struct own_sample *own;
  const int64_t count = own_samples(s, &own), flows = s->samples.count;
  struct shard_mail sent = shard_mail_create(flows, 2), received = shard_mail_create(count, 2);
  for (int64_t i = 0; i < flows; i++)
    add_result(s, &sent, shard_home_rank(s, s->samples.position[i]),
               latents != NULL ? s->encoding->z : NULL,
               evaluations != NULL ? s->encoding->evaluations : NULL, i);
  for (int64_t k = 0; k < count; k++)
    add_result(s, &received, flow_of_own(s, k, own[k].place - s->first), latents, evaluations,
               own[k].local);
  shard_mail_transfer(s->comm, &sent, &received);
}

void shard_destroy(struct shard **shard) {
  struct shard *s = *shard;
  if (s == NULL) return;
  memory_release((void *)s->samples.y);
  memory_release((void *)s->samples.w);
  memory_release((void *)s->samples.weight_sum);
  memory_release((void *)s->samples.position);
  encoding_destroy(&s->encoding);
  memory_free(&s->second);
  shard_plan_destroy(&s->plan);
  memory_free(&s->slot);
  memory_free(shard);
}
