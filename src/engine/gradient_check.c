#include "engine/gradient_check.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decoder/objective.h"
#include "engine/batch_gradient.h"
#include "engine/ensemble.h"
#include "engine/root_loss.h"
#include "engine/rows_sweep.h"
#include "engine/shard.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/reduction.h"

const char *gradient_check_name(const struct gradient_check *check, enum gradient_kind kind) {
  static const char *const names[] = {"d loss / d z", "d loss / d theta",
                                      "dL / d theta through the flow",
                                      "dL / d theta through the encoder"};
  assert((unsigned)kind < (unsigned)check->kinds);
  return names[kind == GRADIENT_WHOLE && check->encoder ? kind + 1 : kind];
}

// The samples, and the line in z or theta along which the loss is examined.
struct line {
  struct run *run;
  struct sample_order *order;
  struct shard *shard;
  struct ensemble *ensemble;
  real *start, *found;  // [samples.count][real_padded(d)] z(0), z(tau)
  real *theta;          // [decoder->count] the point of the check
  real *z_direction, *theta_direction;
  struct batch_gradient *whole;  // borrowed
  real *gradient;                // [decoder->count] that of `whole` beside the place of the check
};

static size_t latent_bytes(const struct line *line) {
  return (size_t)line->shard->samples.count * real_padded(line->run->decoder->d) * sizeof(real);
}

// theta + h direction; h = 0 restores theta.
static void move_theta(struct line *line, double h) {
  struct decoder *decoder = line->run->decoder;
  for (size_t i = 0; i < decoder->count; i++)
    decoder->theta[i] = line->theta[i] + (real)h * line->theta_direction[i];
  decoder_pack(decoder);
}

// z + h direction of the samples in a block.
static void place_latents(const struct line *line, double h, const struct rows_sweep *sweep,
                          real *latents) {
  const size_t d = real_padded(line->run->decoder->d);
  for (size_t row = 0; row < sweep->rows; row++) {
    const size_t at = (size_t)sweep->occupant[row] * d;
    for (size_t j = 0; j < d; j++)
      latents[row * d + j] = line->found[at + j] + (real)h * line->z_direction[at + j];
  }
}

// The mean loss at the latents found plus h times the direction; *derivative, unless NULL, gets its
// derivative along the direction.
static double loss_at(struct line *line, double h, double *derivative) {
  const struct run *run = line->run;
  const struct samples *samples = &line->shard->samples;
  const size_t d = real_padded(run->decoder->d), count = (size_t)samples->count;
  struct objective *objective = objective_create(run->decoder, run->training_rows, false);
  struct rows_sweep *sweep = rows_sweep_create(run->training_rows);
  double *losses = memory_new(double, count), *slopes = memory_new(double, count);
  rows_sweep_begin(sweep, samples, run->decoder->n, 0, samples->count, NULL, NULL);
  while (rows_sweep_next(sweep)) {
    place_latents(line, h, sweep, objective_latents(objective));
    const real *gradient = objective_evaluate(objective, sweep->rows, sweep->row, sweep->loss);
    for (size_t row = 0; row < sweep->rows; row++) {
      const int64_t i = sweep->occupant[row];
      losses[i] = sweep->loss[row];
      slopes[i] =
          solver_dot(run->decoder->d, gradient + row * d, line->z_direction + (size_t)i * d);
    }
  }
  const double total = (double)samples->total;
  const double mean = reduction_sum(comm_ranks(run->comm), losses, count) / total;
  const double slope = reduction_sum(comm_ranks(run->comm), slopes, count) / total;
  if (derivative != NULL) *derivative = slope;
  objective_destroy(&objective);
  rows_sweep_destroy(&sweep);
  memory_free(&losses);
  memory_free(&slopes);
  return mean;
}

static double along_z(double h, void *context) { return loss_at(context, h, NULL); }

static double along_theta(double h, void *context) {
  move_theta(context, h);
  const double loss = loss_at(context, 0.0, NULL);
  move_theta(context, 0.0);
  return loss;
}

static double mean_loss(const struct line *line) {
  const struct shard *shard = line->shard;
  return reduction_sum(comm_ranks(line->run->comm), shard->encoding->loss,
                       (size_t)shard->samples.count) /
         (double)shard->size;
}

// The flows from their starts; the mean loss at their ends.
static double run_flows(struct line *line) {
  struct shard *shard = line->shard;
  memcpy(shard->encoding->z, line->start, latent_bytes(line));
  ensemble_run(line->ensemble, &shard->samples, shard->size, shard->encoding);
  return mean_loss(line);
}

static double along_flow(double h, void *context) {
  struct line *line = context;
  move_theta(line, h);
  const double loss = run_flows(line);
  move_theta(line, 0.0);
  return loss;
}

// The gradient of an autoencoder also finds latents and losses.
static double along_encoder(double h, void *context) {
  struct line *line = context;
  struct batch_totals totals = {.loss = 0.0};
  move_theta(line, h);
  batch_gradient_compute(line->whole, line->shard, &totals, line->gradient);
  move_theta(line, 0.0);
  return totals.loss / (double)line->shard->size;
}

// Directions of the same size as what they change: uniform in +-1 for latents, +-|theta_i| for
// parameters.
static void draw_directions(struct line *line) {
  const struct decoder *decoder = line->run->decoder;
  const uint64_t seed = (uint64_t)line->run->config.run.seed;
  for (int64_t i = 0; i < line->shard->samples.count; i++)
    for (size_t j = 0; j < decoder->d; j++)
      line->z_direction[(size_t)i * real_padded(decoder->d) + j] =
          (real)(2.0 * rng_uniform(seed, RNG_TEST, (uint64_t)line->shard->samples.position[i] + 1,
                                   j) -
                 1.0);
  for (size_t i = 0; i < decoder->count; i++)
    line->theta_direction[i] =
        line->theta[i] * (real)(2.0 * rng_uniform(seed, RNG_TEST, 0, i) - 1.0);
}

static double theta_derivative(const struct line *line, const real *gradient) {
  double sum = 0.0;
  for (size_t i = 0; i < line->run->decoder->count; i++)
    sum += (double)gradient[i] * (double)line->theta_direction[i];
  return sum;
}

static struct line *line_create(struct run *run, int64_t count) {
  struct line *line = memory_new(struct line, 1);
  const struct decoder *decoder = run->decoder;
  const struct dataset *data = run->sets[SET_TRAIN];
  real *zero = memory_new(real, (size_t)data->local_count * real_padded(decoder->d));
  line->run = run;
  const struct shard_batch batch = {.first = 0, .size = count, .tile = run->tile};
  line->order = sample_order_in_file(data);
  line->shard = shard_gather(run->comm, line->order, &batch, decoder->d, zero);
  memory_free(&zero);
  line->ensemble =
      ensemble_create(comm_ranks(run->comm), decoder, &run->config.encoding, run->training_rows);
  const size_t latents = latent_bytes(line) / sizeof(real);
  line->start = memory_new(real, latents);
  line->found = memory_new(real, latents);
  line->z_direction = memory_new(real, latents);
  line->theta = memory_new(real, decoder->count);
  line->gradient = memory_new(real, decoder->count);
  line->theta_direction = memory_new(real, decoder->count);
  memcpy(line->theta, decoder->theta, decoder->count * sizeof(real));
  draw_directions(line);
  return line;
}

static void line_destroy(struct line **line) {
  shard_destroy(&(*line)->shard);
  sample_order_destroy(&(*line)->order);
  ensemble_destroy(&(*line)->ensemble);
  memory_free(&(*line)->start);
  memory_free(&(*line)->found);
  memory_free(&(*line)->z_direction);
  memory_free(&(*line)->theta);
  memory_free(&(*line)->gradient);
  memory_free(&(*line)->theta_direction);
  memory_free(line);
}

struct gradient_check *gradient_check_run(struct run *run) {
  static const double first_step = 1e-2;
  const struct solver_options *flow = &run->config.encoding;
  const enum phase before = clock_enter(PHASE_GRADIENT);
  struct gradient_check *check = memory_new(struct gradient_check, 1);
  const int64_t wanted = run->config.gradient_check.count, all = run->sets[SET_TRAIN]->count;
  const bool flows =
      solver_stages(flow) > 0 && flow->coupling == COUPLING_NONE && !root_loss_is_followed(flow);
  check->encoder = run->decoder->encoder != NULL;
  const bool differentiable = check->encoder || flows;
  check->count = wanted < all ? wanted : all;
  check->kinds = differentiable ? GRADIENT_KINDS : GRADIENT_WHOLE;
  check->gradient = memory_new(real, run->decoder->count);

  struct line *line = line_create(run, check->count);
  struct encoding *encoding = line->shard->encoding;
  struct batch_gradient *direct = batch_gradient_create(run->comm, run->decoder, run->training_rows,
                                                        run->tile, ADJOINT_NONE, flow);
  const bool adjoint = flows && !check->encoder;
  struct batch_gradient *whole = line->whole = batch_gradient_create(
      run->comm, run->decoder, run->training_rows, run->tile,
      adjoint ? ADJOINT_DISCRETE : ADJOINT_NONE, check->encoder ? NULL : flow);
  struct trajectory **recorded = batch_gradient_trajectories(whole, line->shard->samples.count);
  encoding->trajectories = recorded;
  run_flows(line);
  encoding->trajectories = NULL;
  memcpy(line->found, encoding->z, latent_bytes(line));

  struct batch_totals totals = {.loss = 0.0};
  double derivative;
  loss_at(line, 0.0, &derivative);
  check->taylor[GRADIENT_Z] = taylor_test(along_z, line, derivative, first_step);
  batch_gradient_compute(direct, line->shard, &totals, check->gradient);
  check->taylor[GRADIENT_THETA] =
      taylor_test(along_theta, line, theta_derivative(line, check->gradient), first_step);
  if (differentiable) {
    batch_gradient_compute(whole, line->shard, &totals, check->gradient);
    encoding->replays = recorded;
    check->taylor[GRADIENT_WHOLE] =
        taylor_test(check->encoder ? along_encoder : along_flow, line,
                    theta_derivative(line, check->gradient), first_step);
  }
  batch_gradient_destroy(&direct);
  batch_gradient_destroy(&whole);
  line_destroy(&line);
  clock_enter(before);
  return check;
}

void gradient_check_destroy(struct gradient_check **check) {
  if (*check == NULL) return;
  memory_free(&(*check)->gradient);
  memory_free(check);
}

bool gradient_check_passed(const struct gradient_check *check, enum gradient_kind kind) {
  assert((unsigned)kind < (unsigned)check->kinds);
  return fabs(check->taylor[kind].slope - 2.0) <= 0.05;
}
