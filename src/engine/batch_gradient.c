#include "engine/batch_gradient.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

enum {
  STACK_BYTES = 1 << 25,  // of tile gradients kept at a time
  ADJOINT_ROWS = 120      // values and tangents: more rows fall out of the cache
};

// A stack is as many tiles as are computed in common products. A tile begins at a multiple of
// PLACEMENT_ROWS, so its rows have the same classes wherever in the stack it stands.
struct batch_gradient {
  struct comm *comm;
  const struct decoder *decoder;
  const struct placement_rule *rule;
  const struct solver_options *flow;
  enum adjoint_kind adjoint;
  size_t slot;    // rows of a tile, a multiple of PLACEMENT_ROWS
  int64_t stack;  // tiles in a stack
  struct objective *objective;
  struct objective_row *rows;    // [rule->most]
  double *loss;                  // [rule->most]
  real *gradients;               // [stack][decoder->count]
  struct network_pass *encoder;  // makes the latents; NULL where flows have found them
  struct reduction *reduction;
  // With an adjoint:
  struct tangent *tangent;
  char *states;  // [stack * slot] of the samples' adjoints
  size_t state_size;
  bool *active;                  // [stack] whose adjoints want products
  struct objective_row *wanted;  // [stack * slot] samples whose adjoint wants a product
  struct trajectory **trajectories;
  int64_t trajectory_count;
};

static size_t slot_of(int64_t tile) {
  return ((size_t)tile + PLACEMENT_ROWS - 1) / PLACEMENT_ROWS * PLACEMENT_ROWS;
}

size_t batch_gradient_rows(int64_t tile, bool adjoint) { return slot_of(tile) * (adjoint ? 2 : 1); }

static int64_t stack_of(const struct decoder *decoder, const struct placement_rule *rule,
                        int64_t tile, enum adjoint_kind adjoint) {
  if (rule->classes > PLACEMENT_ROWS) return 1;
  size_t rows = rule->most;
  if (adjoint != ADJOINT_NONE && rows > ADJOINT_ROWS) rows = ADJOINT_ROWS;
  int64_t stack = (int64_t)(rows / batch_gradient_rows(tile, adjoint != ADJOINT_NONE));
  const int64_t affordable = STACK_BYTES / (int64_t)(decoder->count * sizeof(real));
  if (stack > affordable) stack = affordable;
  return stack > 1 ? stack : 1;
}

// Slots of values and tangents: those of a stack, and as many as the smallest product wants.
static size_t tangent_slots(const struct placement_rule *rule, size_t stack, size_t slot) {
  const size_t least = (rule->least + 2 * slot - 1) / (2 * slot);
  return stack > least ? stack : least;
}

double batch_gradient_bytes(const struct decoder *decoder, const struct placement_rule *rule,
                            int64_t tile, enum adjoint_kind adjoint,
                            const struct solver_options *flow) {
  const size_t stack = (size_t)stack_of(decoder, rule, tile, adjoint), slot = slot_of(tile);
  double bytes = (double)objective_bytes(decoder, rule->most);
  bytes += (double)(stack * decoder->count * sizeof(real));
  bytes += (double)(decoder->count * sizeof(int64_t));
  if (flow == NULL) return bytes + (double)network_pass_bytes(decoder->encoder, rule->most);
  if (adjoint == ADJOINT_NONE) return bytes;
  return bytes + (double)tangent_bytes(decoder, tangent_slots(rule, stack, slot), slot) +
         (double)(stack * slot * adjoint_state_size(flow, decoder->d));
}

double batch_gradient_trajectory_bytes(const struct decoder *decoder, int64_t samples,
                                       const struct solver_options *flow) {
  return (double)samples *
         (double)trajectory_bytes(decoder->d, solver_stages(flow), flow->max_iterations);
}

// Weights and biases each have a scale of their own. Fills `sizes`, returns how many there are.
static size_t collect_blocks(const struct network *network, size_t *sizes) {
  size_t count = 0;
  for (size_t l = 0; l < network->layer_count; l++) {
    if (network->layers[l].weight_count == 0) continue;
    sizes[count++] = network->layers[l].bias - network->layers[l].weight;
    sizes[count++] = real_padded(network->layers[l].bias_count);
  }
  return count;
}

static struct reduction *create_reduction(const struct decoder *decoder) {
  const size_t layers = decoder->network->layer_count +
                        (decoder->encoder != NULL ? decoder->encoder->layer_count : 0);
  size_t *sizes = memory_new(size_t, 2 * layers);
  size_t count = collect_blocks(decoder->network, sizes);
  if (decoder->encoder != NULL) count += collect_blocks(decoder->encoder, sizes + count);
  struct reduction *reduction = reduction_create(count, sizes);
  memory_free(&sizes);
  return reduction;
}

struct batch_gradient *batch_gradient_create(struct comm *comm, const struct decoder *decoder,
                                             const struct placement_rule *rule, int64_t tile,
                                             enum adjoint_kind adjoint,
                                             const struct solver_options *flow) {
  assert(tile > 0 && batch_gradient_rows(tile, adjoint != ADJOINT_NONE) <= rule->most);
  assert(flow == NULL ? decoder->encoder != NULL && adjoint == ADJOINT_NONE
                      : adjoint == ADJOINT_NONE || solver_stages(flow) > 0);
  struct batch_gradient *b = memory_new(struct batch_gradient, 1);
  *b = (struct batch_gradient){
      .comm = comm, .decoder = decoder, .rule = rule, .flow = flow, .adjoint = adjoint};
  b->slot = slot_of(tile);
  b->stack = stack_of(decoder, rule, tile, adjoint);
  b->objective = objective_create(decoder, rule->most);
  b->rows = memory_new(struct objective_row, rule->most);
  b->loss = memory_new(double, rule->most);
  b->gradients = memory_new(real, (size_t)b->stack * decoder->count);
  b->reduction = create_reduction(decoder);
  if (flow == NULL) b->encoder = network_pass_create(decoder->encoder, rule->most);
  if (adjoint == ADJOINT_NONE) return b;
  const size_t samples = (size_t)b->stack * b->slot;
  b->tangent = tangent_create(decoder, tangent_slots(rule, (size_t)b->stack, b->slot), b->slot);
  b->state_size = adjoint_state_size(flow, decoder->d);
  b->states = memory_new(char, samples * b->state_size);
  b->wanted = memory_new(struct objective_row, samples);
  b->active = memory_new(bool, b->stack);
  return b;
}

void batch_gradient_destroy(struct batch_gradient **batch) {
  struct batch_gradient *b = *batch;
  if (b == NULL) return;
  for (int64_t i = 0; i < b->trajectory_count; i++) trajectory_destroy(&b->trajectories[i]);
  memory_free(&b->trajectories);
  objective_destroy(&b->objective);
  network_pass_destroy(&b->encoder);
  tangent_destroy(&b->tangent);
  reduction_destroy(&b->reduction);
  memory_free(&b->rows);
  memory_free(&b->loss);
  memory_free(&b->gradients);
  memory_free(&b->states);
  memory_free(&b->wanted);
  memory_free(&b->active);
  memory_free(batch);
}

struct trajectory **batch_gradient_trajectories(struct batch_gradient *b, int64_t count) {
  if (b->adjoint == ADJOINT_NONE) return NULL;
  if (count <= b->trajectory_count) return b->trajectories;
  struct trajectory **more = memory_new(struct trajectory *, count);
  for (int64_t i = 0; i < count; i++)
    more[i] = i < b->trajectory_count ? b->trajectories[i] : trajectory_create();
  memory_free(&b->trajectories);
  b->trajectories = more;
  b->trajectory_count = count;
  return more;
}

// The samples of a tile: positions begin ... end - 1 of the batch.
struct tile {
  int64_t begin, end;
};

static struct tile tile_of(const struct shard *shard, int64_t tile) {
  const int64_t begin = tile * shard->tile, end = begin + shard->tile;
  return (struct tile){begin, end < shard->size ? end : shard->size};
}

static size_t place_in_shard(const struct shard *shard, int64_t position) {
  return (size_t)shard->slot[position - shard->position_first];
}

// Puts a tile's samples in the rows of the k-th slot.
static void place_tile(struct batch_gradient *b, const struct shard *shard, int64_t tile,
                       size_t k) {
  const size_t d = real_padded(b->decoder->d), n = real_padded(b->decoder->n);
  const struct tile range = tile_of(shard, tile);
  const size_t inputs = b->encoder != NULL ? n : d;
  const real *from = b->encoder != NULL ? shard->samples.y : shard->encoding->z;
  real *input =
      b->encoder != NULL ? network_pass_input(b->encoder) : objective_latents(b->objective);
  input += k * b->slot * inputs;
  struct objective_row *row = b->rows + k * b->slot;
  for (int64_t p = range.begin; p < range.end; p++, input += inputs, row++) {
    const size_t i = place_in_shard(shard, p);
    memcpy(input, from + i * inputs, inputs * sizeof *input);
    *row = samples_row(&shard->samples, b->decoder->n, (int64_t)i);
  }
}

static size_t tile_size(const struct shard *shard, int64_t tile) {
  const struct tile range = tile_of(shard, tile);
  return (size_t)(range.end - range.begin);
}

// ---- the flow's part ----

static void *state_of(const struct batch_gradient *b, size_t row) {
  return b->states + row * b->state_size;
}

static void start_adjoints(struct batch_gradient *b, const struct shard *shard, int64_t first,
                           size_t count, const real *gradient) {
  const size_t d = real_padded(b->decoder->d);
  for (size_t k = 0; k < count; k++) {
    const struct tile range = tile_of(shard, first + (int64_t)k);
    for (int64_t p = range.begin; p < range.end; p++) {
      const size_t i = place_in_shard(shard, p), row = k * b->slot + (size_t)(p - range.begin);
      adjoint_start(b->adjoint, b->flow, b->decoder->d,
                    samples_alpha(&shard->samples, b->flow, (int64_t)i), b->trajectories[i],
                    gradient + row * d, state_of(b, row));
    }
  }
}

// Fills the slot's rows with what its adjoints ask for. Returns whether any does.
static bool place_requests(struct batch_gradient *b, size_t k) {
  const size_t d = real_padded(b->decoder->d);
  real *z = tangent_latents(b->tangent, k), *v = tangent_directions(b->tangent, k);
  bool any = false;
  for (size_t i = 0; i < b->slot; i++, z += d, v += d) {
    const size_t row = k * b->slot + i;
    b->wanted[row] = b->rows[row];
    if (b->rows[row].y != NULL && adjoint_request(state_of(b, row), z, v)) {
      any = true;
      continue;
    }
    b->wanted[row].y = NULL;
    memset(z, 0, d * sizeof *z);
    memset(v, 0, d * sizeof *v);
  }
  return any;
}

// Walks the flows of a stack back, all samples in step, and adds their part to the tiles'
// gradients.
static void walk_back(struct batch_gradient *b, size_t count) {
  const size_t d = real_padded(b->decoder->d);
  for (;;) {
    bool any = false;
    for (size_t k = 0; k < count; k++) {
      b->active[k] = place_requests(b, k);
      any = any || b->active[k];
    }
    if (!any) return;
    tangent_sweep(b->tangent, count, b->rule->least, b->wanted);
    for (size_t k = 0; k < count; k++) {
      if (!b->active[k]) continue;
      tangent_parameter_gradient(b->tangent, k, b->gradients + k * b->decoder->count);
      const real *product = tangent_product(b->tangent, k);
      for (size_t i = 0; i < b->slot; i++)
        if (b->wanted[k * b->slot + i].y != NULL)
          adjoint_receive(state_of(b, k * b->slot + i), product + i * d);
    }
  }
}

// ---- the encoder's part ----

// z = E(y) of all rows. Returns where they are, and d loss / d z is to be.
static real *make_latents(struct batch_gradient *b, size_t rows) {
  real *z = network_pass_forward(b->encoder, b->decoder->theta, rows);
  memcpy(objective_latents(b->objective), z, rows * real_padded(b->decoder->d) * sizeof *z);
  return z;
}

// Keeps what a tile's samples got from the k-th slot: latents and losses, found by one evaluation.
static void keep_latents(struct batch_gradient *b, const struct shard *shard, int64_t tile,
                         size_t k) {
  const size_t d = real_padded(b->decoder->d);
  const struct tile range = tile_of(shard, tile);
  const real *z = objective_latents(b->objective) + k * b->slot * d;
  const double *loss = b->loss + k * b->slot;
  for (int64_t p = range.begin; p < range.end; p++, z += d, loss++) {
    const size_t i = place_in_shard(shard, p);
    memcpy(shard->encoding->z + i * d, z, d * sizeof *z);
    shard->encoding->loss[i] = *loss;
    shard->encoding->evaluations[i] = 1;
    shard->encoding->status[i] = STATUS_CONVERGED;
  }
}

// dL/dtheta of the encoder: theta acts on the loss through z.
static void walk_through_encoder(struct batch_gradient *b, const struct shard *shard, int64_t first,
                                 size_t count, size_t rows) {
  network_pass_backward(b->encoder, b->decoder->theta, rows, false);
  for (size_t k = 0; k < count; k++) {
    network_pass_gradient(b->encoder, k * b->slot, tile_size(shard, first + (int64_t)k),
                          b->gradients + k * b->decoder->count);
    keep_latents(b, shard, first + (int64_t)k, k);
  }
}

// ---- the whole ----

static void add_stack(struct batch_gradient *b, const struct shard *shard, int64_t first,
                      size_t count) {
  memset(b->rows, 0, b->rule->most * sizeof *b->rows);
  for (size_t k = 0; k < count; k++) place_tile(b, shard, first + (int64_t)k, k);
  const size_t rows = count * b->slot < b->rule->least ? b->rule->least : count * b->slot;
  real *z = b->encoder != NULL ? make_latents(b, rows) : NULL;
  const real *gradient = objective_evaluate(b->objective, rows, b->rows, b->loss);
  for (size_t k = 0; k < count; k++)
    objective_parameter_gradient(b->objective, k * b->slot, tile_size(shard, first + (int64_t)k),
                                 b->gradients + k * b->decoder->count);
  if (b->encoder != NULL) {
    memcpy(z, gradient, rows * real_padded(b->decoder->d) * sizeof *z);
    walk_through_encoder(b, shard, first, count, rows);
  }
  if (b->adjoint != ADJOINT_NONE) {
    start_adjoints(b, shard, first, count, gradient);
    walk_back(b, count);
  }
  clock_enter(PHASE_REDUCE);
  reduction_add(b->reduction, count, b->gradients);
  clock_enter(PHASE_GRADIENT);
}

bool batch_gradient_compute(struct batch_gradient *b, const struct shard *shard, real *gradient) {
  assert((size_t)shard->tile <= b->slot);
  assert(b->adjoint == ADJOINT_NONE || shard->samples.count <= b->trajectory_count);
  bool finished = false;
  while (!finished) {
    clock_enter(PHASE_GRADIENT);
    reduction_begin(b->reduction, shard->tile_count);
    for (int64_t tile = shard->tile_first; tile < shard->tile_end; tile += b->stack) {
      const int64_t left = shard->tile_end - tile;
      add_stack(b, shard, tile, (size_t)(left < b->stack ? left : b->stack));
    }
    clock_enter(PHASE_REDUCE);
    finished =
        reduction_finish(b->reduction, comm_ranks(b->comm), 1.0 / (double)shard->size, gradient);
  }
  return isfinite(gradient[0]);
}

void batch_gradient_state(struct batch_gradient *b, struct state *state) {
  reduction_state(b->reduction, state);
}
