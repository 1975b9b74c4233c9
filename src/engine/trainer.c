#include "engine/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/evaluation.h"
#include "engine/model.h"
#include "engine/pod.h"
#include "engine/pod_start.h"
#include "engine/sample_order.h"
#include "engine/shard.h"
#include "engine/tally.h"
#include "engine/validation.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "numerics/optimiser.h"

static const double slice = 1.0;  // seconds of encoding a set at a time

enum { NOT_VALIDATED, VALIDATING, VALIDATED };  // trainer_position.validating

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
  struct evaluation *test;          // while at.testing, and after the last epoch; else NULL
  struct evaluation *validation;    // while at.validating is VALIDATING; else NULL
  struct validation_choice choice;  // once the start has been validated
  real *start;                      // [decoder->count] parameters to begin with, of a refit
  real *kept_latents;               // the latents that belong to `kept`; NULL like it
  real *kept;                       // [decoder->count] parameters to keep until the first training
                                    // ends; NULL if those of its end are
  double spent, begun;              // seconds until the last saving or restart; the clock then
  double cpu_spent, cpu_begun;      // the same of the CPUs, of all ranks and of this one
  // Of the epoch so far:
  struct tally tally;   // flows: of this rank, or on rank 0 those of all before it was saved
  double loss_sum;      // sum of losses
  double flow_seconds;  // this rank's time in flows
};

static real *copy_parameters(const struct decoder *decoder) {
  real *copy = memory_new(real, decoder->count);
  memcpy(copy, decoder->theta, decoder->count * sizeof *copy);
  return copy;
}

static size_t latents_bytes(const struct trainer *t) {
  return (size_t)t->data->local_count * real_padded(t->run->decoder->d) * sizeof(real);
}

static bool validates(const struct trainer *t) {
  return config_validates(&t->run->config) && !t->at.refit;
}

// Training samples seen before the present epoch.
static int64_t samples_seen(const struct trainer *t) {
  return t->at.samples_before + t->at.epoch * t->data->count;
}

// Passes after which the present training ends at the latest.
static int64_t passes_planned(const struct trainer *t) {
  return t->at.refit ? t->at.kept : t->run->config.training.epochs;
}

static bool has_ended(const struct trainer *t) {
  return t->at.batch == 0 && (t->at.stopped || t->at.epoch >= passes_planned(t));
}

// What depends on which samples are learned from.
static void begin_phase(struct trainer *t) {
  const struct config *config = &t->run->config;
  const struct decoder *decoder = t->run->decoder;
  const int64_t batch = config->training.batch;
  t->data = t->run->sets[SET_TRAIN];
  t->batches = (t->data->count + batch - 1) / batch;
  t->steps = t->batches * config->training.epochs * config->training.updates;
  t->model = model_create(t->run);
  t->latents = memory_new(real, (size_t)t->data->local_count * real_padded(decoder->d));
  if (config->training.warm_start) pod_start_latents(t->run, t->latents);
  t->evaluations = memory_new(int64_t, t->data->local_count);
  t->optimiser = optimiser_create(&config->training.optimiser, decoder->count);
  t->run->latents = model_keeps_latents(t->run) ? t->latents : NULL;
}

static void forget_kept(struct trainer *t) {
  memory_free(&t->kept);
  memory_free(&t->kept_latents);
}

static void end_phase(struct trainer *t) {
  t->run->latents = NULL;
  model_destroy(&t->model);
  sample_order_destroy(&t->order);
  evaluation_destroy(&t->test);
  evaluation_destroy(&t->validation);
  memory_free(&t->latents);
  memory_free(&t->evaluations);
  optimiser_destroy(&t->optimiser);
  forget_kept(t);
}

// Puts other parameters in the place of the decoder's.
static void set_parameters(struct trainer *t, const real *theta) {
  struct decoder *decoder = t->run->decoder;
  run_forget_guesses(t->run);
  memcpy(decoder->theta, theta, decoder->count * sizeof *theta);
  decoder_pack(decoder);
}

// The decoder as it stands, and its latents, are those to keep.
static void keep_present(struct trainer *t) {
  const struct decoder *decoder = t->run->decoder;
  memcpy(t->kept, decoder->theta, decoder->count * sizeof *t->kept);
  memcpy(t->kept_latents, t->latents, latents_bytes(t));
}

static void restore_kept(struct trainer *t) {
  set_parameters(t, t->kept);
  memcpy(t->latents, t->kept_latents, latents_bytes(t));
}

// The second training: from the start, with all samples.
static void begin_refit(struct trainer *t) {
  end_phase(t);
  validation_return(t->run);
  set_parameters(t, t->start);
  if (pod_start_wanted(t->run)) {  // that of all samples
    pod_destroy(&t->run->pod);
    pod_start_decoder(t->run);
  }
  begin_phase(t);
}

// The first training has ended: its decoder is the one to keep, and the second begins if one is
// wanted.
static void end_first(struct trainer *t) {
  const struct config *config = &t->run->config;
  if (!validates(t)) return;
  if (config->training.keep == KEEP_LAST) {
    t->choice.kept = t->at.epoch;
    t->choice.kept_loss = t->choice.latest;
  }
  if (t->choice.kept < t->at.epoch) {
    evaluation_destroy(&t->test);
    restore_kept(t);
  }
  forget_kept(t);
  if (!config->training.refit) return;
  t->at = (struct trainer_position){.refit = 1,
                                    .kept = t->choice.kept,
                                    .passes_before = t->at.epoch,
                                    .samples_before = samples_seen(t)};
  begin_refit(t);
}

struct trainer *trainer_create(struct run *run, struct history *history) {
  const struct config *config = &run->config;
  struct trainer *t = memory_new(struct trainer, 1);
  *t = (struct trainer){
      .run = run, .history = history, .choice = validation_begin(run->config.decoder.loss, NAN)};
  t->gradient = memory_new(real, run->decoder->count);
  begin_phase(t);
  if (validates(t) && config->training.refit) t->start = copy_parameters(run->decoder);
  if (validates(t) && config->training.keep == KEEP_BEST) {
    t->kept = copy_parameters(run->decoder);
    t->kept_latents = memory_allocate(1, latents_bytes(t));
    keep_present(t);
  }
  t->begun = clock_seconds();
  t->cpu_begun = clock_cpu_seconds();
  if (config->training.epochs == 0) end_first(t);
  return t;
}

void trainer_destroy(struct trainer **trainer) {
  struct trainer *t = *trainer;
  if (t == NULL) return;
  end_phase(t);
  memory_free(&t->gradient);
  memory_free(&t->start);
  memory_free(trainer);
}

// ---- where it stands ----

struct trainer_position trainer_position(const struct trainer *t) {
  return t->at;
}

bool trainer_is_done(const struct trainer *t) { return has_ended(t); }

// Passes over the training samples so far, those of a first training included.
static int64_t passes(const struct trainer *t) { return t->at.passes_before + t->at.epoch; }

const struct validation_choice *trainer_choice(const struct trainer *t) {
  const struct config *config = &t->run->config;
  return config_validates(config) && config->training.epochs > 0 && (t->at.refit || has_ended(t))
             ? &t->choice
             : NULL;
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
  run_forget_guesses(t->run);
  optimiser_update(t->optimiser, rate, t->gradient, t->run->decoder->theta);
  decoder_pack(t->run->decoder);
  t->loss_sum += found.totals.loss;
  t->at.step++;

  clock_enter(PHASE_OUTPUT);
  const struct history_step record = {
      .epoch = passes(t) + 1,
      .samples = samples_seen(t) + t->at.batch * t->run->config.training.batch + shard->size,
      .loss = found.totals.loss / (double)shard->size,
      .evaluations = (double)found.totals.evaluations / (double)shard->size,
      .learning_rate = rate,
      .seconds = elapsed(t)};
  history_add_step(t->history, record);
  char note[64];
  snprintf(note, sizeof note, "loss %.5f", record.loss);
  log_progress(t->at.refit ? "training again: step" : "training: step", t->at.step,
               t->batches * passes_planned(t) * t->run->config.training.updates, record.seconds,
               note);
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

// Whether the epoch whose batches are done is the last of this training.
static bool is_last(const struct trainer *t) {
  return t->at.stopped || t->at.epoch + 1 >= passes_planned(t);
}

static bool wants_test(const struct trainer *t) {
  const int64_t every = t->run->config.evaluation.every;
  return t->run->used[SET_TEST] && every > 0 && ((t->at.epoch + 1) % every == 0 || is_last(t));
}

// ---- validation ----

static bool is_at_start(const struct trainer *t) { return t->at.epoch == 0 && t->at.batch == 0; }

static bool wants_validation(const struct trainer *t) {
  if (!validates(t) || t->at.validating == VALIDATED) return false;
  return is_at_start(t) || (t->at.batch == t->batches &&
                            validation_is_due(t->at.epoch + 1, t->run->config.training.epochs));
}

// Enters the loss of the decoder as it stands.
static void judge(struct trainer *t, double loss) {
  const int64_t patience = t->run->config.training.patience;
  if (is_at_start(t)) {
    t->choice = validation_begin(t->run->config.decoder.loss, loss);
    return;
  }
  if (validation_judge(&t->choice, t->at.epoch + 1, loss) && t->kept != NULL) keep_present(t);
  t->at.stopped = patience > 0 && t->choice.waited >= patience;
}

// Encodes a part of the validation set, and at its end enters the loss: an autoencoder's at what
// its encoder finds, which is what it learns.
static void validate(struct trainer *t) {
  if (t->validation == NULL)
    t->validation = evaluation_create(t->run, SET_VALIDATION, EVALUATION_NEW);
  t->at.validating = VALIDATING;
  if (evaluation_advance(t->validation, slice)) return;
  judge(t, t->run->decoder->encoder != NULL ? t->validation->loss_encoder : t->validation->loss);
  t->at.validating = VALIDATED;
  evaluation_destroy(&t->validation);
}

// ---- epochs ----

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
  struct history_epoch record = {
      .samples = samples_seen(t) + t->data->count,
      .validation_loss = t->at.validating == VALIDATED ? t->choice.latest : NAN,
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
  t->at.epoch++;
  t->at.batch = t->at.testing = t->at.validating = 0;
  if (!has_ended(t))
    evaluation_destroy(&t->test);
  else if (!t->at.refit)
    end_first(t);
}

// The loss or the gradient is no longer finite: the decoder is that of the step before or, in a
// training that validates, the one to keep.
static void diverge(struct trainer *t) {
  const bool before = t->kept == NULL;
  log_progress_end();
  log_warning(
      "the loss ceased to be finite in step %lld of epoch %lld; the decoder %s is kept. Try a "
      "smaller training.learning_rate (now %g), data.scale, or fewer encoding.max_iterations, in "
      "another run.directory or with run.restart = never",
      (long long)t->at.step + 1, (long long)passes(t) + 1,
      before ? "of the step before" : "of the lowest validation loss",
      t->run->config.training.optimiser.learning_rate);
  if (before) return;
  restore_kept(t);
}

// Encodes a part of the test set; true while samples are left.
static bool test(struct trainer *t) {
  if (t->test == NULL) t->test = evaluation_create(t->run, SET_TEST, EVALUATION_NEW);
  t->at.testing = 1;
  return evaluation_advance(t->test, slice);
}

enum trainer_progress trainer_advance(struct trainer *t, int64_t notices[TRAINER_NOTICES]) {
  assert(!trainer_is_done(t) && t->at.batch <= t->batches);
  if (!wants_validation(t) && t->at.batch < t->batches) {
    if (!train_batch(t, notices)) {
      diverge(t);
      return TRAINER_DIVERGED;
    }
    t->at.batch++;
    t->at.validating = NOT_VALIDATED;
  } else {
    comm_max_int64(t->run->comm, notices, TRAINER_NOTICES);
    if (wants_validation(t)) validate(t);
  }
  if (t->at.batch < t->batches || wants_validation(t)) return TRAINER_RUNNING;
  if (wants_test(t) && test(t)) return TRAINER_RUNNING;
  end_epoch(t);
  return trainer_is_done(t) ? TRAINER_DONE : TRAINER_EPOCH;
}

struct evaluation *trainer_take_test(struct trainer *t) {
  struct evaluation *test = t->test;
  t->test = NULL;
  return test;
}

void trainer_resume(struct trainer *t, struct trainer_position position) {
  t->at = position;
  sample_order_destroy(&t->order);
  if (position.refit)
    begin_refit(t);
  else if (has_ended(t))
    forget_kept(t);
  if (position.testing) t->test = evaluation_create(t->run, SET_TEST, EVALUATION_NEW);
  if (position.validating == VALIDATING)
    t->validation = evaluation_create(t->run, SET_VALIDATION, EVALUATION_NEW);
}

// What the validations have found.
static void choice_state(struct trainer *t, struct state *state) {
  state_add_numbers(state, "training", "kept", STATE_INT64, &t->choice.kept, 2, "number",
                    "passes that the decoder to keep has had; validations since the lowest loss");
  state_add_numbers(state, "training", "validation_losses", STATE_DOUBLE, &t->choice.start, 4,
                    "loss", "of the start, of the decoder to keep, the lowest, the latest");
  if (t->kept != NULL)
    state_add_numbers(state, "training", "kept_theta", STATE_REAL, t->kept,
                      (int64_t)t->run->decoder->count, "parameter",
                      "parameters of the decoder to keep");
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
  if (t->kept != NULL) {
    z.name = "kept_z";
    z.text = "latents of the decoder to keep";
    z.data = t->kept_latents;
    state_add(state, z);
  }
  evaluations.name = "evaluations";
  evaluations.text = "gradient evaluations of samples' last flows, by which the next are spread";
  evaluations.type = STATE_INT64;
  evaluations.data = t->evaluations;
  evaluations.width = 1;
  evaluations.stride = sizeof *t->evaluations;
  state_add(state, evaluations);
  if (config_validates(&t->run->config)) choice_state(t, state);
  if (t->test != NULL) evaluation_state(t->test, state);
  if (t->validation != NULL) evaluation_state(t->validation, state);
}
