#include "trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "encoder.h"
#include "evaluation.h"
#include "log.h"
#include "memory.h"
#include "objective.h"
#include "optimiser.h"
#include "reduction.h"
#include "report.h"
#include "rng.h"
#include "shard.h"
#include "tally.h"

struct trainer {
  struct run *run;
  struct history *history;
  const struct dataset *data;
  struct encoder *encoder;
  struct objective *objective;     // for the parameter gradients of a stack of tiles
  struct objective_row *rows;      // [training_rule.most]
  double *row_loss;                // [training_rule.most]
  real *latents;                   // [local_count][real_padded(d)] starts of the next epoch's flows
  real *tile_gradient, *gradient;  // [decoder->count]
  struct reduction *reduction;
  struct optimiser *optimiser;
  int64_t batches, epoch, batch;  // batches per epoch; where we are
  int64_t step, steps;            // parameter updates: done, in all
  double begun;                   // clock at the beginning
  // Of the epoch so far:
  struct tally tally;             // this rank's flows
  double loss_sum, flow_seconds;  // sum of losses; this rank's time in flows
};

static void create(struct trainer *t, struct run *run, struct history *history) {
  const struct decoder *decoder = run->decoder;
  *t = (struct trainer){.run = run, .history = history, .data = run->sets[SET_TRAIN]};
  const int64_t batch = run->config.training.batch;
  t->batches = (t->data->count + batch - 1) / batch;
  t->steps = t->batches * run->config.training.epochs * run->config.training.updates;
  t->encoder = encoder_create(run->comm, decoder, &run->config.encoding, &run->training_rule, NULL);
  t->objective = objective_create(decoder, run->training_rule.most);
  t->rows = memory_new(struct objective_row, run->training_rule.most);
  t->row_loss = memory_new(double, run->training_rule.most);
  t->latents = memory_new(real, (size_t)t->data->local_count * real_padded(decoder->d));
  t->tile_gradient = memory_new(real, decoder->count);
  t->gradient = memory_new(real, decoder->count);
  size_t *sizes = memory_new(size_t, 2 * decoder->layer_count);
  for (size_t l = 0; l < decoder->layer_count; l++) {
    sizes[2 * l] = decoder->layers[l].bias - decoder->layers[l].weight;
    sizes[2 * l + 1] = real_padded(decoder->layers[l].outputs);
  }
  t->reduction = reduction_create(2 * decoder->layer_count, sizes);
  memory_free(&sizes);
  t->optimiser = optimiser_create(&run->config.training.optimiser, decoder->count);
  t->begun = clock_seconds();
}

static void destroy(struct trainer *t) {
  encoder_destroy(&t->encoder);
  objective_destroy(&t->objective);
  memory_free(&t->rows);
  memory_free(&t->row_loss);
  memory_free(&t->latents);
  memory_free(&t->tile_gradient);
  memory_free(&t->gradient);
  reduction_destroy(&t->reduction);
  optimiser_destroy(&t->optimiser);
}

// The training sample at a position of the present batch.
static int64_t sample_at(const void *context, int64_t position) {
  const struct trainer *t = context;
  const struct config *config = &t->run->config;
  const int64_t place = t->batch * config->training.batch + position;
  if (config->training.order == ORDER_FILE) return place;
  return rng_permute((uint64_t)config->run.seed, (uint64_t)t->epoch, t->data->count, place);
}

// Puts the samples of tile `tile` in rows `first` onwards of the objective. Returns their number.
static size_t place_tile(struct trainer *t, const struct shard *shard, int64_t tile, size_t first) {
  const size_t d = real_padded(t->run->decoder->d), n = t->data->stride;
  const int64_t begin = tile * shard->tile;
  const int64_t end = begin + shard->tile < shard->size ? begin + shard->tile : shard->size;
  real *z = objective_latents(t->objective) + first * d;
  struct objective_row *row = t->rows + first;
  for (int64_t p = begin; p < end; p++, z += d, row++) {
    const size_t slot = (size_t)shard->slot[p - shard->position_first];
    memcpy(z, shard->encoding->z + slot * d, d * sizeof *z);
    row->y = shard->samples.y + slot * n;
    row->w = shard->samples.w == NULL ? NULL : shard->samples.w + slot * n;
    row->weight_sum = shard->samples.weight_sum[slot];
  }
  return (size_t)(end - begin);
}

// Adds the gradients of this rank's tiles, as many tiles to a product as find room in it. A tile
// begins at a multiple of PLACEMENT_ROWS, so its rows have the same classes wherever it stands.
static void add_tiles(struct trainer *t, const struct shard *shard) {
  const struct placement_rule *rule = &t->run->training_rule;
  const size_t slot = ((size_t)shard->tile + PLACEMENT_ROWS - 1) / PLACEMENT_ROWS * PLACEMENT_ROWS;
  const int64_t stack = rule->classes > PLACEMENT_ROWS ? 1 : (int64_t)(rule->most / slot);
  for (int64_t tile = shard->tile_first; tile < shard->tile_end; tile += stack) {
    const int64_t left = shard->tile_end - tile, count = left < stack ? left : stack;
    size_t sizes[count];
    memset(t->rows, 0, rule->most * sizeof *t->rows);
    for (int64_t k = 0; k < count; k++) sizes[k] = place_tile(t, shard, tile + k, (size_t)k * slot);
    const size_t rows = (size_t)count * slot;
    objective_evaluate(t->objective, rows < rule->least ? rule->least : rows, t->rows, t->row_loss);
    for (int64_t k = 0; k < count; k++) {
      objective_parameter_gradient(t->objective, (size_t)k * slot, sizes[k], t->tile_gradient);
      const enum phase before = clock_enter(PHASE_REDUCE);
      reduction_add(t->reduction, t->tile_gradient);
      clock_enter(before);
    }
  }
}

// t->gradient = d/dtheta of the batch's mean loss at the latents found. False if not finite.
static bool batch_gradient(struct trainer *t, const struct shard *shard) {
  bool finished = false;
  while (!finished) {
    clock_enter(PHASE_GRADIENT);
    reduction_begin(t->reduction, shard->tile_count);
    add_tiles(t, shard);
    clock_enter(PHASE_REDUCE);
    finished = reduction_finish(t->reduction, t->run->comm, 1.0 / (double)shard->size, t->gradient);
  }
  return isfinite(t->gradient[0]);
}

// One parameter update from the batch's flows. False if loss or gradient is not finite.
static bool update(struct trainer *t, struct shard *shard) {
  struct comm *comm = t->run->comm;
  clock_enter(PHASE_FLOW);
  const double begun = clock_seconds();
  encoder_run(t->encoder, &shard->samples, shard->size, shard->encoding);
  t->flow_seconds += clock_seconds() - begun;
  tally_add(&t->tally, shard->encoding, shard->samples.count);

  clock_enter(PHASE_REDUCE);
  const double loss_sum = reduction_sum(comm, shard->encoding->loss, (size_t)shard->samples.count);
  int64_t evaluations = 0;
  for (int64_t i = 0; i < shard->samples.count; i++) evaluations += shard->encoding->evaluations[i];
  comm_sum_int64(comm, &evaluations, 1);
  if (!isfinite(loss_sum) || !batch_gradient(t, shard)) return false;

  clock_enter(PHASE_OPTIMISER);
  const struct optimiser_options *options = &t->run->config.training.optimiser;
  const double rate = optimiser_rate(options, t->step, t->steps, t->epoch);
  optimiser_update(t->optimiser, rate, t->gradient, t->run->decoder->theta);
  t->loss_sum += loss_sum;
  t->step++;

  clock_enter(PHASE_OUTPUT);
  const struct history_step record = {
      .epoch = t->epoch,
      .samples = t->epoch * t->data->count + t->batch * t->run->config.training.batch + shard->size,
      .loss = loss_sum / (double)shard->size,
      .evaluations = (double)evaluations / (double)shard->size,
      .learning_rate = rate};
  history_add_step(t->history, record, clock_seconds() - t->begun);
  char note[64];
  snprintf(note, sizeof note, "loss %.5f", record.loss);
  log_progress("training: step", t->step, t->steps, clock_seconds() - t->begun, note);
  return true;
}

static bool train_batch(struct trainer *t) {
  const struct config *config = &t->run->config;
  const int64_t left = t->data->count - t->batch * config->training.batch;
  const int64_t size = left < config->training.batch ? left : config->training.batch;
  clock_enter(PHASE_DATA);
  struct shard *shard = shard_gather(t->run->comm, t->data, t->run->decoder->d, t->latents, size,
                                     t->run->tile, sample_at, t);
  bool good = true;
  for (int64_t u = 0; u < config->training.updates && good; u++) good = update(t, shard);
  clock_enter(PHASE_DATA);
  if (config->training.warm_start) shard_return(shard, t->latents);
  shard_destroy(&shard);
  return good;
}

static void end_epoch(struct trainer *t) {
  struct run *run = t->run;
  const int64_t every = run->config.evaluation.every, done = t->epoch + 1;
  struct history_epoch record = {.samples = done * t->data->count, .test_loss = NAN};
  record.train_loss = t->loss_sum / (double)(t->data->count * run->config.training.updates);
  tally_combine(&t->tally, run->comm);
  record.evaluations_mean = tally_mean(&t->tally);
  record.evaluations_p50 = tally_percentile(&t->tally, 0.50);
  record.evaluations_p99 = tally_percentile(&t->tally, 0.99);
  record.evaluations_max = tally_percentile(&t->tally, 1.0);
  record.not_converged = tally_not_converged(&t->tally);
  const bool evaluate = every > 0 && (done % every == 0 || done == run->config.training.epochs);
  if (run->used[SET_TEST] && evaluate) {
    struct evaluation *test = evaluation_run(run, SET_TEST, NULL);
    record.test_loss = test->loss;
    evaluation_destroy(&test);
  }
  record.seconds = clock_seconds() - t->begun;
  history_add_epoch(t->history, record);
  report_epoch(run, t->epoch, &record, t->flow_seconds);
  tally_clear(&t->tally);
  t->loss_sum = t->flow_seconds = 0.0;
}

bool trainer_run(struct run *run, struct history *history) {
  struct trainer trainer, *t = &trainer;
  create(t, run, history);
  bool good = true;
  report_epoch_header(run);
  for (t->epoch = 0; t->epoch < run->config.training.epochs && good; t->epoch++) {
    for (t->batch = 0; t->batch < t->batches && good; t->batch++) good = train_batch(t);
    if (good) end_epoch(t);
  }
  log_progress_end();
  if (!good)
    log_warning(
        "the loss ceased to be finite in step %lld of epoch %lld; the decoder of the step before "
        "is "
        "kept. Try a smaller training.learning_rate (now %g), data.scale, or fewer "
        "encoding.max_iterations.",
        (long long)t->step + 1, (long long)t->epoch, run->config.training.optimiser.learning_rate);
  destroy(t);
  clock_enter(PHASE_OTHER);
  return good;
}
