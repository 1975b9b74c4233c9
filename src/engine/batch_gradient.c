#include "engine/batch_gradient.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "engine/carry.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "numerics/exact_sum.h"
#include "numerics/reduction.h"

enum {
  STACK_BYTES = 1 << 25,  // of tile gradients kept at a time, where adjoints add to them
  ADJOINT_ROWS = 120      // values and tangents: more rows fall out of the cache
};

// A stack is a number of tiles computed by the same products, with their samples one after another.
struct batch_gradient {
  struct comm *comm;
  const struct decoder *decoder;
  const struct solver_options *flow;
  enum adjoint_kind adjoint;
  int64_t tile, stack;  // samples of a tile at most; tiles in a stack
  struct objective *objective;
  struct objective_row *rows;    // [room] samples of a stack
  double *loss;                  // [room]
  real *gradients;               // [stack][decoder->count]; without an adjoint work space of one
  struct network_pass *encoder;  // computes the latents; NULL if flows have found them
  size_t *missing;               // [room] rows whose passes no flow has left behind
  real *pass;                    // work space: one of them
  struct reduction *reduction;
  // With an adjoint:
  struct tangent *tangent;
  char *states;  // [room] of the samples' adjoints
  size_t state_size;
  size_t *wanting;               // [room] rows of the stack whose adjoints request a product
  struct objective_row *wanted;  // [room] their samples
  struct trajectory **trajectories;
  int64_t trajectory_count;
};

static int64_t stack_of(const struct decoder *decoder, size_t rows, int64_t tile,
                        enum adjoint_kind adjoint) {
  if (adjoint != ADJOINT_NONE && rows > ADJOINT_ROWS) rows = ADJOINT_ROWS;
  int64_t stack = (int64_t)rows / tile;
  const int64_t affordable = STACK_BYTES / (int64_t)(decoder->count * sizeof(real));
  if (adjoint != ADJOINT_NONE && stack > affordable) stack = affordable;
  return stack > 1 ? stack : 1;
}

// Elements of `gradients`.
static size_t gradients_size(const struct decoder *decoder, int64_t stack, int adjoint) {
  return (adjoint != ADJOINT_NONE ? (size_t)stack : 1) * decoder->count;
}

// Samples of a stack at most.
static size_t room_of(const struct decoder *decoder, size_t rows, int64_t tile,
                      enum adjoint_kind adjoint) {
  return (size_t)(stack_of(decoder, rows, tile, adjoint) * tile);
}

double batch_gradient_bytes(const struct decoder *decoder, size_t rows, int64_t tile,
                            enum adjoint_kind adjoint, const struct solver_options *flow) {
  const int64_t stack = stack_of(decoder, rows, tile, adjoint);
  const size_t room = room_of(decoder, rows, tile, adjoint);
  double bytes = (double)objective_bytes(decoder, room, true);
  bytes += (double)(gradients_size(decoder, stack, adjoint) * sizeof(real));
  bytes += (double)(decoder->count * sizeof(int64_t));
  bytes += (double)(objective_pass_size(decoder) * sizeof(real));
  if (flow == NULL) return bytes + (double)network_pass_bytes(decoder->encoder, room, true);
  if (adjoint == ADJOINT_NONE) return bytes;
  return bytes + (double)tangent_bytes(decoder, room, true) +
         (double)(room * adjoint_state_size(flow, decoder->d));
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
                                             size_t rows, int64_t tile, enum adjoint_kind adjoint,
                                             const struct solver_options *flow) {
  assert(tile > 0 && rows > 0);
  assert(flow == NULL ? decoder->encoder != NULL && adjoint == ADJOINT_NONE
                      : adjoint == ADJOINT_NONE || solver_stages(flow) > 0);
  struct batch_gradient *b = memory_new(struct batch_gradient, 1);
  const size_t room = room_of(decoder, rows, tile, adjoint);
  *b = (struct batch_gradient){
      .comm = comm, .decoder = decoder, .flow = flow, .adjoint = adjoint, .tile = tile};
  b->stack = stack_of(decoder, rows, tile, adjoint);
  b->objective = objective_create(decoder, room, true);
  b->rows = memory_new(struct objective_row, room);
  b->loss = memory_new(double, room);
  b->gradients = memory_new(real, gradients_size(decoder, b->stack, adjoint));
  b->reduction = create_reduction(decoder);
  if (flow == NULL) b->encoder = network_pass_create(decoder->encoder, room, true);
  b->missing = memory_new(size_t, room);
  b->pass = memory_new(real, objective_pass_size(decoder));
  if (adjoint == ADJOINT_NONE) return b;
  b->tangent = tangent_create(decoder, room, true);
  b->state_size = adjoint_state_size(flow, decoder->d);
  b->states = memory_new(char, room * b->state_size);
  b->wanting = memory_new(size_t, room);
  b->wanted = memory_new(struct objective_row, room);
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
  memory_free(&b->missing);
  memory_free(&b->pass);
  memory_free(&b->rows);
  memory_free(&b->loss);
  memory_free(&b->gradients);
  memory_free(&b->states);
  memory_free(&b->wanted);
  memory_free(&b->wanting);
  memory_free(batch);
}

void batch_gradient_want_share(struct batch_gradient *b) {
  reduction_want_share(b->reduction, comm_share(b->comm, b->decoder->count).count);
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

// Positions begin ... end - 1 of the batch: a tile's, or those of a stack.
struct stretch {
  int64_t begin, end;
};

static struct stretch stretch_of(const struct shard *shard, int64_t first, int64_t tiles) {
  const int64_t begin = first * shard->tile, end = begin + tiles * shard->tile;
  return (struct stretch){begin, end < shard->size ? end : shard->size};
}

static size_t place_in_shard(const struct shard *shard, int64_t position) {
  return (size_t)shard_slot(shard, position);
}

// Rows first ... first + count - 1 of a stack.
struct part {
  size_t first, count;
};

static struct part tile_of(const struct shard *shard, struct stretch stack, int64_t tile) {
  const struct stretch own = stretch_of(shard, tile, 1);
  return (struct part){(size_t)(own.begin - stack.begin), (size_t)(own.end - own.begin)};
}

// Puts the samples of a stack in the rows.
static void place_stack(struct batch_gradient *b, const struct shard *shard, struct stretch stack) {
  const size_t d = real_padded(b->decoder->d), n = real_padded(b->decoder->n);
  const size_t inputs = b->encoder != NULL ? n : d;
  const real *from = b->encoder != NULL ? shard->all.y : shard->encoding->z;
  real *input =
      b->encoder != NULL ? network_pass_input(b->encoder) : objective_latents(b->objective);
  struct objective_row *row = b->rows;
  for (int64_t p = stack.begin; p < stack.end; p++, input += inputs, row++) {
    const size_t i = place_in_shard(shard, p);
    memcpy(input, from + i * inputs, inputs * sizeof *input);
    *row = samples_row(&shard->all, b->decoder->n, (int64_t)i);
  }
}

// The pass that the flow of a sample has left behind; NULL if it has none, or on another rank.
static const real *left_pass(const struct shard *shard, int64_t position) {
  const int64_t i = (int64_t)place_in_shard(shard, position);
  const struct carry *carry = shard->encoding->carry;
  return carry != NULL && i < shard->samples.count ? carry_pass(carry, i) : NULL;
}

// The passes of a stack's samples in their rows: those left behind by flows, and those of the other
// samples, which are evaluated in the first rows and then moved to their own, the last one first.
static void pass_stack(struct batch_gradient *b, const struct shard *shard, struct stretch stack) {
  const size_t d = real_padded(b->decoder->d);
  real *z = objective_latents(b->objective);
  size_t count = 0;
  for (int64_t p = stack.begin; p < stack.end; p++) {
    const size_t i = place_in_shard(shard, p);
    if (left_pass(shard, p) != NULL) continue;
    memcpy(z + count * d, shard->encoding->z + i * d, d * sizeof *z);
    b->rows[count] = samples_row(&shard->all, b->decoder->n, (int64_t)i);
    b->missing[count++] = (size_t)(p - stack.begin);
  }
  if (count > 0) objective_evaluate(b->objective, count, b->rows, b->loss);
  for (size_t k = count; k-- > 0;) {
    if (b->missing[k] == k) break;  // nor has any before it to be moved
    objective_take_pass(b->objective, k, b->pass);
    objective_put_pass(b->objective, b->missing[k], b->pass);
  }
  for (int64_t p = stack.begin; p < stack.end; p++) {
    const real *pass = left_pass(shard, p);
    if (pass != NULL) objective_put_pass(b->objective, (size_t)(p - stack.begin), pass);
  }
}

// The gradient array of the k-th tile of a stack.
static real *gradient_of(const struct batch_gradient *b, size_t k) {
  return b->gradients + k * b->decoder->count;
}

// ---- the flow's part ----

static void *state_of(const struct batch_gradient *b, size_t row) {
  return b->states + row * b->state_size;
}

static void start_adjoints(struct batch_gradient *b, const struct shard *shard,
                           struct stretch stack, const real *gradient) {
  const size_t d = real_padded(b->decoder->d);
  for (int64_t p = stack.begin; p < stack.end; p++) {
    const size_t i = place_in_shard(shard, p), row = (size_t)(p - stack.begin);
    adjoint_start(b->adjoint, b->flow, b->decoder->d,
                  samples_alpha(&shard->all, b->flow, (int64_t)i), b->trajectories[i],
                  gradient + row * d, state_of(b, row));
  }
}

// Appends the requests of the adjoints of some rows to the `wanted` rows of the sweep. Returns the
// new number of rows.
static size_t place_requests(struct batch_gradient *b, struct part part, size_t wanted) {
  const size_t d = real_padded(b->decoder->d);
  real *z = tangent_latents(b->tangent), *v = tangent_directions(b->tangent);
  for (size_t row = part.first; row < part.first + part.count; row++) {
    if (!adjoint_request(state_of(b, row), z + wanted * d, v + wanted * d)) continue;
    b->wanted[wanted] = b->rows[row];
    b->wanting[wanted++] = row;
  }
  return wanted;
}

// Follows the flows of a stack backwards, all samples in step, and adds their contributions to the
// gradients of the tiles.
static void walk_back(struct batch_gradient *b, const struct shard *shard, struct stretch stack,
                      int64_t first, size_t count) {
  const size_t d = real_padded(b->decoder->d);
  for (;;) {
    size_t wanted = 0;
    for (size_t k = 0; k < count; k++)
      wanted = place_requests(b, tile_of(shard, stack, first + (int64_t)k), wanted);
    if (wanted == 0) return;
    const real *product = tangent_sweep(b->tangent, wanted, b->wanted);
    for (size_t k = 0, begin = 0, end = 0; k < count; k++, begin = end) {
      const struct part tile = tile_of(shard, stack, first + (int64_t)k);
      while (end < wanted && b->wanting[end] < tile.first + tile.count) end++;
      if (end > begin)
        tangent_parameter_gradient(b->tangent, begin, end - begin, gradient_of(b, k));
    }
    for (size_t i = 0; i < wanted; i++)
      adjoint_receive(state_of(b, b->wanting[i]), product + i * d);
  }
}

// ---- the encoder's part ----

// z = E(y) of all rows. Returns the array that holds them, to be overwritten with d loss / d z.
static real *make_latents(struct batch_gradient *b, size_t rows) {
  real *z = network_pass_forward(b->encoder, decoder_values(b->decoder), rows);
  memcpy(objective_latents(b->objective), z, rows * real_padded(b->decoder->d) * sizeof *z);
  return z;
}

// Stores the latents and losses of the samples of a stack, found by one evaluation.
static void keep_latents(struct batch_gradient *b, const struct shard *shard,
                         struct stretch stack) {
  const size_t d = real_padded(b->decoder->d);
  const real *z = objective_latents(b->objective);
  const double *loss = b->loss;
  for (int64_t p = stack.begin; p < stack.end; p++, z += d, loss++) {
    const size_t i = place_in_shard(shard, p);
    memcpy(shard->encoding->z + i * d, z, d * sizeof *z);
    shard->encoding->loss[i] = *loss;
    shard->encoding->evaluations[i] = 1;
    shard->encoding->status[i] = STATUS_CONVERGED;
  }
}

// ---- the whole ----

// The gradients of tiles, with the flow's part.
static void add_with_adjoint(struct batch_gradient *b, const struct shard *shard,
                             struct stretch stack, int64_t first, size_t count,
                             const real *gradient) {
  for (size_t k = 0; k < count; k++) {
    const struct part tile = tile_of(shard, stack, first + (int64_t)k);
    objective_parameter_gradient(b->objective, tile.first, tile.count, gradient_of(b, k));
  }
  start_adjoints(b, shard, stack, gradient);
  walk_back(b, shard, stack, first, count);
  clock_enter(PHASE_REDUCE);
  reduction_add(b->reduction, count, b->gradients);
  clock_enter(PHASE_GRADIENT);
}

// The tiles first ... first + count - 1.
static void add_stack(struct batch_gradient *b, const struct shard *shard, int64_t first,
                      size_t count) {
  const struct stretch stack = stretch_of(shard, first, (int64_t)count);
  const size_t rows = (size_t)(stack.end - stack.begin), tile = (size_t)shard->tile;
  if (b->adjoint == ADJOINT_NONE && b->encoder == NULL) {
    pass_stack(b, shard, stack);
    objective_sum_gradients(b->objective, rows, tile, b->gradients, b->reduction);
    return;
  }
  place_stack(b, shard, stack);
  real *z = b->encoder != NULL ? make_latents(b, rows) : NULL;
  const real *gradient = objective_evaluate(b->objective, rows, b->rows, b->loss);
  if (b->encoder != NULL) {  // theta also affects the loss through z
    memcpy(z, gradient, rows * real_padded(b->decoder->d) * sizeof *z);
    network_pass_backward(b->encoder, decoder_values(b->decoder), rows, false);
    keep_latents(b, shard, stack);
  }
  if (b->adjoint != ADJOINT_NONE) {
    add_with_adjoint(b, shard, stack, first, count, gradient);
    return;
  }
  objective_sum_gradients(b->objective, rows, tile, b->gradients, b->reduction);
  network_pass_sum_gradients(b->encoder, rows, tile, b->gradients, b->reduction);
}

// Sums over the batch, before and after the ranks have combined them.
struct sums {
  struct exact_sum loss;
  int64_t evaluations;
};

static struct sums sums_of(const struct shard *shard) {
  struct sums sums = {.evaluations = 0};
  for (int64_t i = 0; i < shard->samples.count; i++) {
    exact_sum_add(&sums.loss, shard->encoding->loss[i]);
    sums.evaluations += shard->encoding->evaluations[i];
  }
  return sums;
}

bool batch_gradient_compute(struct batch_gradient *b, struct shard *shard,
                            struct batch_totals *totals, real *gradient) {
  assert(shard->tile <= b->tile);
  assert(b->adjoint == ADJOINT_NONE || shard->samples.count <= b->trajectory_count);
  clock_enter(PHASE_DATA);
  shard_deliver(shard);
  struct sums sums;
  struct ranks_numbers numbers = {.sums = (int64_t *)&sums,
                                  .maxima = totals->notices,
                                  .sum_count = sizeof sums / sizeof(int64_t),
                                  .max_count = BATCH_NOTICES};
  bool finished = false;
  while (!finished) {
    clock_enter(PHASE_GRADIENT);
    reduction_begin(b->reduction, shard->tile_count);
    for (int64_t tile = shard->tile_first; tile < shard->tile_end; tile += b->stack) {
      const int64_t left = shard->tile_end - tile;
      add_stack(b, shard, tile, (size_t)(left < b->stack ? left : b->stack));
    }
    clock_enter(PHASE_REDUCE);
    sums = sums_of(shard);
    finished = reduction_finish(b->reduction, comm_ranks(b->comm), &numbers,
                                1.0 / (double)shard->size, gradient);
  }
  totals->loss = exact_sum_value(&sums.loss);
  totals->evaluations = sums.evaluations;
  return isfinite(totals->loss) && reduction_is_finite(b->reduction);
}

void batch_gradient_state(struct batch_gradient *b, struct state *state) {
  reduction_state(b->reduction, "exponents", state);
}
