#include "engine/update.h"

#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "numerics/optimiser.h"

// The product of ranks and parameters from which on each rank updates its share, and the minimum
// number of parameters in a share. By estimate: sharing saves about 1 ns and 4 bytes of messages
// per parameter, and collecting the shares costs at most one latency more per rank.
static const double shared_from = 0x1p26, least_share = 0x1p10;

struct update {
  struct run *run;
  struct comm_share share;  // of this rank; or all parameters
  struct optimiser *optimiser;
  real *gradient;  // [share.count]
};

static const char *const words[] = {"whole", "shared"};

void update_settle(struct run *run, struct error *error) {
  const int ranks = comm_size(run->comm);
  const char *wanted = getenv("GFE_UPDATE");
  const double count = (double)run->decoder->count;
  int64_t chosen = count * ranks >= shared_from && count >= ranks * least_share;
  if (comm_rank(run->comm) == 0 && wanted != NULL && wanted[0] != '\0') {
    for (chosen = 0; chosen < 2 && strcmp(wanted, words[chosen]) != 0; chosen++) continue;
    if (chosen == 2)
      error_set(error, "environment variable GFE_UPDATE = %.32s: must be whole or shared", wanted);
  }
  comm_broadcast(run->comm, &chosen, sizeof chosen, 0);
  run->shares_update = ranks > 1 && chosen == 1;
}

static struct comm_share share_of(const struct run *run) {
  const size_t count = run->decoder->count;
  return run->shares_update ? comm_share(run->comm, count) : (struct comm_share){0, count};
}

struct update *update_create(struct run *run) {
  struct update *u = memory_new(struct update, 1);
  *u = (struct update){.run = run, .share = share_of(run)};
  u->optimiser = optimiser_create(&run->config.training.optimiser, u->share.count);
  u->gradient = memory_new(real, u->share.count);
  return u;
}

void update_destroy(struct update **update) {
  if (*update == NULL) return;
  optimiser_destroy(&(*update)->optimiser);
  memory_free(&(*update)->gradient);
  memory_free(update);
}

real *update_gradient(struct update *u) { return u->gradient; }

void update_apply(struct update *u, double rate) {
  struct decoder *decoder = u->run->decoder;
  optimiser_update(u->optimiser, rate, u->gradient, decoder->theta + u->share.first);
  if (u->run->shares_update)
    comm_collect_shares(u->run->comm, decoder->theta, decoder->count, sizeof *decoder->theta);
  decoder_pack(decoder);
}

void update_state(struct update *u, struct state *state) {
  optimiser_state(u->optimiser, u->share.first, u->run->decoder->count, state);
}

double update_bytes(const struct run *run) {
  const size_t count = share_of(run).count;
  return (double)(count * sizeof(real)) +
         (double)optimiser_bytes(&run->config.training.optimiser, count);
}
