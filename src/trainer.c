#include "trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "batch_gradient.h"
#include "clock.h"
#include "encoder.h"
#include "evaluation.h"
#include "log.h"
#include "memory.h"
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
  struct batch_gradient *batch_gradient;
  real *latents;   // [local_count][real_padded(d)] starts of the next epoch's flows
  real *gradient;  // [decoder->count]
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
  t->batch_gradient = batch_gradient_create(run->comm, decoder, &run->training_rule, run->tile,
                                            run->config.training.adjoint, &run->config.encoding);
  t->latents = memory_new(real, (size_t)t->data->local_count * real_padded(decoder->d));
  t->gradient = memory_new(real, decoder->count);
  t->optimiser = optimiser_create(&run->config.training.optimiser, decoder->count);
  t->begun = clock_seconds();
}

static void destroy(struct trainer *t) {
  encoder_destroy(&t->encoder);
  batch_gradient_destroy(&t->batch_gradient);
  memory_free(&t->latents);
  memory_free(&t->gradient);
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

// One parameter update from the batch's flows. False if loss or gradient is not finite.
static bool update(struct trainer *t, struct shard *shard) {
  struct comm *comm = t->run->comm;
  clock_enter(PHASE_FLOW);
  const double begun = clock_seconds();
  shard->encoding->trajectories =
      batch_gradient_trajectories(t->batch_gradient, shard->samples.count);
  encoder_run(t->encoder, &shard->samples, shard->size, shard->encoding);
  t->flow_seconds += clock_seconds() - begun;
  tally_add(&t->tally, shard->encoding, shard->samples.count);

  clock_enter(PHASE_REDUCE);
  const double loss_sum = reduction_sum(comm, shard->encoding->loss, (size_t)shard->samples.count);
  int64_t evaluations = 0;
  for (int64_t i = 0; i < shard->samples.count; i++) evaluations += shard->encoding->evaluations[i];
  comm_sum_int64(comm, &evaluations, 1);
  if (!isfinite(loss_sum) || !batch_gradient_compute(t->batch_gradient, shard, t->gradient))
    return false;

  clock_enter(PHASE_OPTIMISER);
  const struct optimiser_options *options = &t->run->config.training.optimiser;
  const double rate = optimiser_rate(options, t->step, t->steps, t->epoch);
  optimiser_update(t->optimiser, rate, t->gradient, t->run->decoder->theta);
  t->loss_sum += loss_sum;
  t->step++;

  clock_enter(PHASE_OUTPUT);
  const struct history_step record = {
      .epoch = t->epoch + 1,
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
