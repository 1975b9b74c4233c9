#include "engine/last_layer.h"

#include <string.h>

#include "decoder/loss.h"
#include "decoder/network.h"
#include "engine/shard.h"
#include "ground/least.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"
#include "numerics/reduction.h"

// A stack is a number of tiles computed by the same products, as in batch_gradient.c.
struct last_layer {
  struct run *run;
  const struct layer **terms;  // [term_count] dense layers whose sum is the output
  size_t term_count;
  size_t inputs;                        // of all terms, with 1 for the bias behind them: h
  size_t room;                          // samples of a stack at most
  struct network_pass *pass, *encoder;  // encoder: NULL unless it computes the latents
  real *h, *weighted;                   // [room][real_padded(inputs)] h and kappa h
  struct reduction *metric_sum, *gradient_sum;
  real *metric, *gradient;  // [inputs][inputs] A; [n][inputs] d loss / d W
  double *factor;           // [inputs][inputs] of A + lambda I
  struct comm_share share;  // outputs whose steps this rank computes,
  double *solved;           // [inputs][columns]
  size_t columns;
  real *step;    // [n][inputs]
  real *before;  // [decoder->count] parameters before the steps
};

// ---- the layers ----

static bool is_wanted(const struct run *run) { return run->config.training.last_layer_steps > 0; }

// Of all terms, with 1 for the bias; 1 if the output is no sum of dense layers.
static size_t count_inputs(const struct network *network) {
  const struct layer **terms = memory_new(const struct layer *, network->layer_count);
  const size_t count = network_output_layers(network, terms);
  size_t inputs = 1;
  for (size_t t = 0; t < count; t++) inputs += terms[t]->inputs;
  memory_free(&terms);
  return inputs;
}

bool last_layer_check(const struct run *run, struct error *error) {
  if (!is_wanted(run) || !run->config.run.task[TASK_TRAIN]) return true;
  const size_t inputs = count_inputs(run->decoder->network);
  if (inputs == 1)
    return error_set(error,
                     "training.last_layer_steps: needs a decoder whose last layer is dense and has "
                     "no activation, or whose output is a sum of such layers; with 0 the last "
                     "layer is trained like the others");
  if (inputs > LAST_LAYER_INPUTS)
    return error_set(error,
                     "training.last_layer_steps: the last layer has %zu inputs, with its bias; at "
                     "most %d are possible. With 0 it is trained like the other layers",
                     inputs, LAST_LAYER_INPUTS);
  return true;
}

static size_t room_of(const struct run *run) {
  const size_t tile = (size_t)run->tile, tiles = run->training_rows / tile;
  return tile * (tiles > 1 ? tiles : 1);
}

static size_t columns_of(size_t outputs) {
  return (outputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS * DENSE_COLUMNS;
}

struct last_layer *last_layer_create(struct run *run) {
  if (!is_wanted(run)) return NULL;
  const struct decoder *decoder = run->decoder;
  const struct network *network = decoder->network;
  struct last_layer *l = memory_new(struct last_layer, 1);
  *l = (struct last_layer){.run = run, .inputs = count_inputs(network), .room = room_of(run)};
  l->terms = memory_new(const struct layer *, network->layer_count);
  l->term_count = network_output_layers(network, l->terms);
  l->pass = network_pass_create(network, l->room, false);
  if (decoder->encoder != NULL) l->encoder = network_pass_create(decoder->encoder, l->room, false);
  l->h = memory_new(real, l->room * real_padded(l->inputs));
  l->weighted = memory_new(real, l->room * real_padded(l->inputs));
  const size_t metric = real_padded(l->inputs * l->inputs);
  const size_t gradient = real_padded(decoder->n * l->inputs);
  l->metric_sum = reduction_create(1, &metric);
  l->gradient_sum = reduction_create(1, &gradient);
  l->metric = memory_new(real, metric);
  l->gradient = memory_new(real, gradient);
  l->factor = memory_new(double, metric);
  l->share = comm_share(run->comm, decoder->n);
  l->columns = columns_of(l->share.count);
  l->solved = memory_new(double, l->inputs * l->columns);
  l->step = memory_new(real, gradient);
  l->before = memory_new(real, decoder->count);
  return l;
}

void last_layer_destroy(struct last_layer **last) {
  struct last_layer *l = *last;
  if (l == NULL) return;
  network_pass_destroy(&l->pass);
  network_pass_destroy(&l->encoder);
  reduction_destroy(&l->metric_sum);
  reduction_destroy(&l->gradient_sum);
  memory_free(&l->terms);
  memory_free(&l->h);
  memory_free(&l->weighted);
  memory_free(&l->metric);
  memory_free(&l->gradient);
  memory_free(&l->factor);
  memory_free(&l->solved);
  memory_free(&l->step);
  memory_free(&l->before);
  memory_free(last);
}

double last_layer_bytes(const struct run *run) {
  if (!is_wanted(run)) return 0.0;
  const struct decoder *decoder = run->decoder;
  const double inputs = (double)count_inputs(decoder->network), n = (double)decoder->n;
  const double columns = (double)columns_of(comm_share(run->comm, decoder->n).count);
  double bytes = (double)network_pass_bytes(decoder->network, room_of(run), false);
  if (decoder->encoder != NULL)
    bytes += (double)network_pass_bytes(decoder->encoder, room_of(run), false);
  bytes += 2.0 * (double)room_of(run) * (inputs + REAL_PAD) * (double)sizeof(real);
  bytes += inputs * (inputs + n) * (double)(sizeof(real) + sizeof(double));
  return bytes + inputs * (inputs + columns) * (double)sizeof(double) +
         (inputs * n + (double)decoder->count) * (double)sizeof(real);
}

// ---- the sums ----

// The network's pass forward for samples `begin` to `end` - 1 of this rank's tiles. Their outputs
// become d loss / d output.
static real *evaluate(struct last_layer *l, const struct shard *shard, int64_t begin, int64_t end) {
  const struct decoder *decoder = l->run->decoder;
  const size_t d = real_padded(decoder->d), n = real_padded(decoder->n);
  const size_t rows = (size_t)(end - begin);
  const bool encodes = l->encoder != NULL;
  const size_t width = encodes ? n : d;
  const real *from = encodes ? shard->all.y : shard->encoding->z;
  real *input = network_pass_input(encodes ? l->encoder : l->pass);
  for (size_t i = 0; i < rows; i++)
    memcpy(input + i * width, from + (size_t)shard_slot(shard, begin + (int64_t)i) * width,
           width * sizeof *input);
  if (encodes)
    memcpy(network_pass_input(l->pass),
           network_pass_forward(l->encoder, decoder_values(decoder), rows),
           rows * d * sizeof *input);
  real *x = network_pass_forward(l->pass, decoder_values(decoder), rows);
  for (size_t i = 0; i < rows; i++) {
    const int64_t slot = shard_slot(shard, begin + (int64_t)i);
    const struct objective_row row = samples_row(&shard->all, decoder->n, slot);
    const struct loss_sample sample = objective_sample(decoder, &row);
    loss_row(decoder->loss, decoder->n, n, &sample, x + i * n);
  }
  return x;
}

// h of a stack.
static void collect(struct last_layer *l, size_t rows) {
  const size_t stride = real_padded(l->inputs);
  size_t at = 0;
  for (size_t t = 0; t < l->term_count; at += l->terms[t++]->inputs) {
    const size_t width = l->terms[t]->inputs;
    const real *from = network_pass_taken(l->pass, l->terms[t]);
    for (size_t i = 0; i < rows; i++)
      memcpy(l->h + i * stride + at, from + i * real_padded(width), width * sizeof *from);
  }
  for (size_t i = 0; i < rows; i++) l->h[i * stride + at] = 1;
}

// kappa h of a stack, which is h itself without weights.
static const real *weigh(struct last_layer *l, const struct shard *shard, int64_t begin,
                         size_t rows) {
  if (shard->all.w == NULL) return l->h;
  const size_t n = l->run->decoder->n, stride = real_padded(l->inputs);
  for (size_t i = 0; i < rows; i++) {
    const int64_t slot = shard_slot(shard, begin + (int64_t)i);
    const struct objective_row row = samples_row(&shard->all, n, slot);
    real most = 0;
    for (size_t j = 0; j < n; j++) most = row.w[j] > most ? row.w[j] : most;
    const real kappa = (real)((double)n * (double)most / row.weight_sum);
    for (size_t k = 0; k < l->inputs; k++)
      l->weighted[i * stride + k] = kappa * l->h[i * stride + k];
  }
  return l->weighted;
}

// Adds sum of delta h^T of each tile of a stack.
static void add(const struct last_layer *l, size_t rows, size_t tile, const real *delta,
                size_t outputs, struct reduction *sum) {
  const struct product_gradient product = {
      .terms = rows,
      .outputs = outputs,
      .inputs = l->inputs,
      .delta = delta,
      .delta_stride = real_padded(outputs),
      .a = l->h,
      .a_stride = real_padded(l->inputs),
      .sums = reduction_block(sum, 0, (int64_t)((rows + tile - 1) / tile)),
      .tile = tile};
  product_gradient(&product);
}

// The metric, if `metric`, and the gradient of the batch. False if they are not finite. Collective.
static bool sum_up(struct last_layer *l, const struct shard *shard, bool metric) {
  const struct ranks *ranks = comm_ranks(l->run->comm);
  const double factor = 1.0 / (double)shard->size;
  const int64_t first = shard->tile_first * shard->tile;
  const int64_t last = least_int64(shard->tile_end * shard->tile, shard->size);
  bool finished = false;
  while (!finished) {
    if (metric) reduction_begin(l->metric_sum, shard->tile_count);
    reduction_begin(l->gradient_sum, shard->tile_count);
    for (int64_t begin = first; begin < last; begin += (int64_t)l->room) {
      const int64_t end = least_int64(begin + (int64_t)l->room, last);
      const size_t rows = (size_t)(end - begin), tile = (size_t)shard->tile;
      const real *delta = evaluate(l, shard, begin, end);
      collect(l, rows);
      if (metric) add(l, rows, tile, weigh(l, shard, begin, rows), l->inputs, l->metric_sum);
      add(l, rows, tile, delta, l->run->decoder->n, l->gradient_sum);
    }
    finished = !metric || reduction_finish(l->metric_sum, ranks, NULL, factor, l->metric);
    finished = reduction_finish(l->gradient_sum, ranks, NULL, factor, l->gradient) && finished;
  }
  return (!metric || reduction_is_finite(l->metric_sum)) && reduction_is_finite(l->gradient_sum);
}

// ---- the step ----

// False if A is zero.
static bool factorise(struct last_layer *l) {
  const size_t inputs = l->inputs, weights = inputs - 1;
  double trace = 0.0;
  for (size_t i = 0; i < weights; i++) trace += (double)l->metric[i * inputs + i];
  for (size_t i = 0; i < inputs * inputs; i++) l->factor[i] = (double)l->metric[i];
  const double damping = l->run->config.training.last_layer_damping * trace / (double)weights;
  for (size_t i = 0; i < weights; i++) l->factor[i * inputs + i] += damping;
  return dense_cholesky(inputs, l->factor);
}

// The steps of this rank's outputs, then of all. Collective.
static void find_step(struct last_layer *l, double fraction) {
  const struct decoder *decoder = l->run->decoder;
  const size_t inputs = l->inputs;
  const double scale = fraction * (double)decoder->n / loss_ops(decoder->loss)->curvature;
  memset(l->solved, 0, inputs * l->columns * sizeof *l->solved);
  for (size_t j = 0; j < l->share.count; j++)
    for (size_t i = 0; i < inputs; i++)
      l->solved[i * l->columns + j] =
          scale * (double)l->gradient[(l->share.first + j) * inputs + i];
  dense_cholesky_solve_beside(inputs, l->factor, l->columns, l->solved);
  for (size_t j = 0; j < l->share.count; j++)
    for (size_t i = 0; i < inputs; i++)
      l->step[(l->share.first + j) * inputs + i] = (real)l->solved[i * l->columns + j];
  comm_collect_shares(l->run->comm, l->step, decoder->n, inputs * sizeof *l->step);
}

static void take_step(struct last_layer *l) {
  struct decoder *decoder = l->run->decoder;
  size_t at = 0;
  for (size_t t = 0; t < l->term_count; at += l->terms[t++]->inputs) {
    const size_t width = l->terms[t]->inputs;
    for (size_t j = 0; j < decoder->n; j++)
      for (size_t i = 0; i < width; i++)
        decoder->theta[l->terms[t]->weight + j * width + i] -= l->step[j * l->inputs + at + i];
  }
  for (size_t j = 0; j < decoder->n; j++)
    decoder->theta[l->terms[0]->bias + j] -= l->step[j * l->inputs + at];
  run_forget_guesses(l->run);
  decoder_pack(decoder);
}

bool last_layer_advance(struct last_layer *l, const struct shard *shard, double fraction) {
  const struct decoder *decoder = l->run->decoder;
  memcpy(l->before, decoder->theta, decoder->count * sizeof *l->before);
  for (int64_t k = 0; k < l->run->config.training.last_layer_steps; k++) {
    if (!sum_up(l, shard, k == 0)) return false;
    if (k == 0 && !factorise(l)) return true;
    find_step(l, fraction);
    take_step(l);
  }
  return true;
}

void last_layer_undo(struct last_layer *l) {
  struct decoder *decoder = l->run->decoder;
  memcpy(decoder->theta, l->before, decoder->count * sizeof *l->before);
  run_forget_guesses(l->run);
  decoder_pack(decoder);
}

void last_layer_state(struct last_layer *l, struct state *state) {
  if (l == NULL) return;
  reduction_state(l->metric_sum, "last_layer_exponent", state);
  reduction_state(l->gradient_sum, "last_layer_gradient_exponent", state);
}
