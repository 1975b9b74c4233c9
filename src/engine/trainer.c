#include "engine/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/evaluation.h"
#include "engine/model.h"
#include "engine/pod_start.h"
#include "engine/sample_order.h"
#include "engine/shard.h"
#include "engine/tally.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "numerics/optimiser.h"

static const double slice = 1.0;  // seconds of encoding the test set at a time

struct trainer {
  struct run *run;
  struct history *history;
  const struct dataset *data;
  struct model *model;
  real *latents;         // [local_count][real_padded(d)] starts of the next epoch's flows
  int64_t *evaluations;  // [local_count] what the flows of an epoch took, for the next one
  real *gradient;        // [decoder->count]
  struct optimiser *optimiser;
  struct sample_order *order;  // of the present epoch; NULL until a batch is wanted
  int64_t batches, steps;      // batches per epoch; updates in all
  struct trainer_position at;
  struct evaluation *test;      // while at.testing, and after the last epoch; else NULL
  double spent, begun;          // seconds until the last saving or restart; the clock then
  double cpu_spent, cpu_begun;  // the same of the CPUs, of all ranks and of this one
  // Of the epoch so far:
  struct tally tally;   // flows: of this rank, or on rank 0 those of all before it was saved
  double loss_sum;      // sum of losses
  double flow_seconds;  // this rank's time in flows
};

struct trainer *trainer_create(struct run *run, struct history *history) {
  const struct decoder *decoder = run->decoder;
  struct trainer *t = memory_new(struct trainer, 1);
  *t = (struct trainer){.run = run, .history = history, .data = run->sets[SET_TRAIN]};
  const int64_t batch = run->config.training.batch;
  t->batches = (t->data->count + batch - 1) / batch;
  t->steps = t->batches * run->config.training.epochs * run->config.training.updates;
  t->model = model_create(run);
  t->latents = memory_new(real, (size_t)t->data->local_count * real_padded(decoder->d));
  if (run->config.training.warm_start) pod_start_latents(run, t->latents);
  t->evaluations = memory_new(int64_t, t->data->local_count);
  t->gradient = memory_new(real, decoder->count);
  t->optimiser = optimiser_create(&run->config.training.optimiser, decoder->count);
  t->begun = clock_seconds();
  t->cpu_begun = clock_cpu_seconds();
  return t;
}

void trainer_destroy(struct trainer **trainer) {
  struct trainer *t = *trainer;
  if (t == NULL) return;
  model_destroy(&t->model);
  sample_order_destroy(&t->order);
  evaluation_destroy(&t->test);
  memory_free(&t->latents);
  memory_free(&t->evaluations);
  memory_free(&t->gradient);
  optimiser_destroy(&t->optimiser);
  memory_free(trainer);
}

// Seconds of training so far, those before restarts included.
static double elapsed(const struct trainer *t) { return t->spent + clock_seconds() - t->begun; }

// CPU seconds of training so far, of all ranks, those before restarts included. Collective.
static double cpu_elapsed(const struct trainer *t) {
  int64_t nanoseconds = llround(1e9 * (clock_cpu_seconds() - t->cpu_begun));
  comm_sum_int64(t->run->comm, &nanoseconds, 1);
  return t->cpu_spent + 1e-9 * (double)nanoseconds;
}

// The order of the samples in the present epoch.
static const struct sample_order *present_order(struct trainer *t) {
  const struct config *config = &t->run->config;
  if (t->order == NULL)
    t->order =
        config->training.order == ORDER_FILE
            ? sample_order_in_file(t->data)
            : sample_order_shuffled(t->data, (uint64_t)config->run.seed, (uint64_t)t->at.epoch);
  return t->order;
}

// One parameter update from a batch. False if loss or gradient is not finite.
static bool update(struct trainer *t, struct shard *shard, int64_t notices[TRAINER_NOTICES]) {
  struct model_step found;
  memcpy(found.totals.notices, notices, sizeof found.totals.notices);
  const bool finite = model_step(t->model, shard, t->gradient, &found);
  t->flow_seconds += found.seconds;
  tally_add(&t->tally, shard->encoding, shard->samples.count);
  memcpy(notices, found.totals.notices, sizeof found.totals.notices);
  if (!finite) return false;

  clock_enter(PHASE_OPTIMISER);
  const struct optimiser_options *options = &t->run->config.training.optimiser;
  const double rate = optimiser_rate(options, t->at.step, t->steps, t->at.epoch);
  run_forget_predictor(t->run);
  optimiser_update(t->optimiser, rate, t->gradient, t->run->decoder->theta);
  decoder_pack(t->run->decoder);
  t->loss_sum += found.totals.loss;
  t->at.step++;

  clock_enter(PHASE_OUTPUT);
  const struct history_step record = {
      .epoch = t->at.epoch + 1,
      .samples =
          t->at.epoch * t->data->count + t->at.batch * t->run->config.training.batch + shard->size,
      .loss = found.totals.loss / (double)shard->size,
      .evaluations = (double)found.totals.evaluations / (double)shard->size,
      .learning_rate = rate,
      .seconds = elapsed(t)};
  history_add_step(t->history, record);
  char note[64];
  snprintf(note, sizeof note, "loss %.5f", record.loss);
  log_progress("training: step", t->at.step, t->steps, record.seconds, note);
  return true;
}

static bool train_batch(struct trainer *t, int64_t notices[TRAINER_NOTICES]) {
  const struct config *config = &t->run->config;
  const int64_t left = t->data->count - t->at.batch * config->training.batch;
  const int64_t size = left < config->training.batch ? left : config->training.batch;
  clock_enter(PHASE_DATA);
  const struct shard_batch batch = {
      .first = t->at.batch * config->training.batch,
      .size = size,
      .tile = t->run->tile,
      .evaluations = model_flows_are_free(t->run) ? t->evaluations : NULL};
  struct shard *shard =
      shard_gather(t->run->comm, present_order(t), &batch, t->run->decoder->d, t->latents);
  bool good = true;
  for (int64_t u = 0; u < config->training.updates && good; u++) good = update(t, shard, notices);
  clock_enter(PHASE_DATA);
  shard_return(shard, config->training.warm_start ? t->latents : NULL,
               model_flows_are_uneven(t->run) ? t->evaluations : NULL);
  shard_destroy(&shard);
  return good;
}

static bool wants_test(const struct trainer *t) {
  const struct config *config = &t->run->config;
  const int64_t every = config->evaluation.every, done = t->at.epoch + 1;
  return t->run->used[SET_TEST] && every > 0 &&
         (done % every == 0 || done == config->training.epochs);
}

// The longest of the ranks' times over their mean. Collective.
static double imbalance(struct comm *comm, double seconds) {
  double sum = seconds, longest = seconds;
  comm_sum_double(comm, &sum, 1);
  comm_max_double(comm, &longest, 1);
  return sum > 0.0 ? longest * comm_size(comm) / sum : 1.0;
}

// The epoch's record; the next epoch begins.
static void end_epoch(struct trainer *t) {
  const struct run *run = t->run;
  struct history_epoch record = {.samples = (t->at.epoch + 1) * t->data->count,
                                 .test_loss = t->at.testing ? t->test->loss : NAN,
                                 .test_loss_encoder = t->at.testing ? t->test->loss_encoder : NAN};
  record.train_loss = t->loss_sum / (double)(t->data->count * run->config.training.updates);
  tally_combine(&t->tally, run->comm);
  record.evaluations_mean = tally_mean(&t->tally);
  record.evaluations_p50 = tally_percentile(&t->tally, 0.50);
  record.evaluations_p99 = tally_percentile(&t->tally, 0.99);
  record.evaluations_max = tally_percentile(&t->tally, 1.0);
  record.not_converged = tally_not_converged(&t->tally);
  record.imbalance = imbalance(run->comm, t->flow_seconds);
  record.seconds = elapsed(t);
  record.cpu_seconds = cpu_elapsed(t);
  history_add_epoch(t->history, record);
  tally_clear(&t->tally);
  sample_order_destroy(&t->order);
  t->loss_sum = t->flow_seconds = 0.0;
  t->at = (struct trainer_position){.epoch = t->at.epoch + 1, .step = t->at.step};
  if (t->at.epoch < run->config.training.epochs) evaluation_destroy(&t->test);
}

static void complain(const struct trainer *t) {
  log_progress_end();
  log_warning(
      "the loss ceased to be finite in step %lld of epoch %lld; the decoder of the step before is "
      "kept. Try a smaller training.learning_rate (now %g), data.scale, or fewer "
      "encoding.max_iterations, in another run.directory or with run.restart = never",
      (long long)t->at.step + 1, (long long)t->at.epoch + 1,
      t->run->config.training.optimiser.learning_rate);
}

// Encodes a part of the test set; true while samples are left.
static bool test(struct trainer *t) {
  if (t->test == NULL) t->test = evaluation_create(t->run, SET_TEST);
  t->at.testing = 1;
  return evaluation_advance(t->test, slice);
}

enum trainer_progress trainer_advance(struct trainer *t, int64_t notices[TRAINER_NOTICES]) {
  assert(t->at.epoch < t->run->config.training.epochs && t->at.batch <= t->batches);
  if (t->at.batch < t->batches) {
    if (!train_batch(t, notices)) {
      complain(t);
      return TRAINER_DIVERGED;
    }
    t->at.batch++;
  } else {
    comm_max_int64(t->run->comm, notices, TRAINER_NOTICES);
  }
  if (t->at.batch < t->batches) return TRAINER_RUNNING;
  if (wants_test(t) && test(t)) return TRAINER_RUNNING;
  end_epoch(t);
  return t->at.epoch < t->run->config.training.epochs ? TRAINER_EPOCH : TRAINER_DONE;
}

struct trainer_position trainer_position(const struct trainer *t) {
  return t->at;
}

struct evaluation *trainer_take_test(struct trainer *t) {
  struct evaluation *test = t->test;
  t->test = NULL;
  return test;
}

void trainer_resume(struct trainer *t, struct trainer_position position) {
  t->at = position;
  sample_order_destroy(&t->order);
  if (position.testing) t->test = evaluation_create(t->run, SET_TEST);
}

void trainer_state(struct trainer *t, struct state *state) {
  struct decoder *decoder = t->run->decoder;
  tally_fold(&t->tally, t->run->comm);
  tally_state(&t->tally, t->run->comm, state);
  t->spent = elapsed(t);
  t->begun = clock_seconds();
  t->cpu_spent = cpu_elapsed(t);
  t->cpu_begun = clock_cpu_seconds();
  comm_broadcast(t->run->comm, &t->spent, sizeof t->spent, 0);
  state_add_numbers(state, "training", "seconds", STATE_DOUBLE, &t->spent, 1, "one",
                    "wall time spent since training began");
  state_add_numbers(state, "training", "cpu_seconds", STATE_DOUBLE, &t->cpu_spent, 1, "one",
                    "CPU time of all ranks since training began");
  state_add_numbers(state, "training", "loss_sum", STATE_DOUBLE, &t->loss_sum, 1, "one",
                    "sum of the losses of the epoch so far");
  state_add_numbers(state, "training", "theta", STATE_REAL, decoder->theta, (int64_t)decoder->count,
                    "parameter",
                    "parameters of all layers, each weight and bias filled up to whole vectors");
  optimiser_state(t->optimiser, state);
  model_state(t->model, state);
  const struct state_field samples = {.group = "training",
                                      .dimension = "sample",
                                      .shared = true,
                                      .total = t->data->count,
                                      .first = t->data->local_first,
                                      .count = t->data->local_count};
  struct state_field z = samples, evaluations = samples;
  z.name = "z";
  z.text = "latents, where the next flows of samples begin";
  z.components = "latent";
  z.type = STATE_REAL;
  z.data = t->latents;
  z.width = decoder->d;
  z.stride = real_padded(decoder->d) * sizeof(real);
  state_add(state, z);
  evaluations.name = "evaluations";
  evaluations.text = "gradient evaluations of samples' last flows, by which the next are spread";
  evaluations.type = STATE_INT64;
  evaluations.data = t->evaluations;
  evaluations.width = 1;
  evaluations.stride = sizeof *t->evaluations;
  state_add(state, evaluations);
  if (t->test != NULL) evaluation_state(t->test, state);
}
