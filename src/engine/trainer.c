#include "engine/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/first_guess.h"
#include "engine/replay.h"
#include "engine/trainer_internal.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"

static const double slice = 1.0;  // seconds of encoding a set at a time

enum { NOT_VALIDATED, VALIDATING, VALIDATED };  // trainer_position.validating

// Samples that are held out in all folds together, at most.
static int64_t held_out_count(const struct run *run) {
  return run->config.training.folds > 1 ? run->hold_out->whole : run->sets[SET_VALIDATION]->count;
}

struct trainer *trainer_create(struct run *run, struct history *history) {
  const struct config *config = &run->config;
  struct trainer *t = memory_new(struct trainer, 1);
  *t = (struct trainer){
      .run = run, .history = history, .choice = validation_begin(run->config.decoder.loss, NAN)};
  trainer_begin_phase(t);
  trainer_keep_start(t);
  if (trainer_chooses(t))
    t->cross = cross_validation_create(held_out_count(run), config->training.epochs,
                                       config->training.folds);
  t->begun = clock_seconds();
  t->cpu_begun = clock_cpu_seconds();
  if (config->training.epochs == 0) trainer_end_first(t);
  return t;
}

void trainer_destroy(struct trainer **trainer) {
  struct trainer *t = *trainer;
  if (t == NULL) return;
  trainer_end_phase(t);
  cross_validation_destroy(&t->cross);
  memory_free(&t->start);
  memory_free(trainer);
}

// ---- where it stands ----

struct trainer_position trainer_position(const struct trainer *t) {
  return t->at;
}

int64_t trainer_fold(const struct trainer *t) { return t->fold; }

struct trainer_cost trainer_cost(const struct trainer *t) {
  const double count = (double)t->data->count, evaluations = (double)t->counts.evaluations;
  return (struct trainer_cost){.uses = (double)t->counts.uses / count,
                               .evaluations = evaluations >= 0.0 ? evaluations / count : NAN};
}

bool trainer_flows_twice(const struct trainer *t) {
  return second_flow_is_due(t->run, t->at.epoch);
}

const struct validation_choice *trainer_choice(const struct trainer *t) {
  const struct config *config = &t->run->config;
  return config_validates(config) && config->training.epochs > 0 &&
                 (t->at.refit || trainer_is_done(t))
             ? &t->choice
             : NULL;
}

// The order of the samples, or of their copies, in the present epoch.
static const struct sample_order *present_order(struct trainer *t) {
  const struct config *config = &t->run->config;
  if (t->order != NULL) return t->order;
  const struct dataset *data = t->copies != NULL ? copies_of_pass(t->copies, t->at.epoch) : t->data;
  t->order = config->training.order == ORDER_FILE
                 ? sample_order_in_file(data)
                 : sample_order_shuffled(data, (uint64_t)config->run.seed, (uint64_t)t->at.epoch);
  return t->order;
}

// Samples of the present batch, which those of an update are unless they are drawn.
static int64_t batch_size(const struct trainer *t) {
  return replay_batch_size(&t->run->config, t->data->count, t->at.batch);
}

// One parameter update from a batch. False if loss or gradient is not finite.
static bool update(struct trainer *t, struct shard *shard, enum model_latents latents,
                   int64_t notices[TRAINER_NOTICES]) {
  const struct config *config = &t->run->config;
  const double rate = plan_learning_rate(&t->plan, config, t->at.step, t->at.epoch);
  struct model_step found = {.pass = t->at.epoch,
                             .fraction = rate / config->training.optimiser.learning_rate};
  memcpy(found.totals.notices, notices, sizeof found.totals.notices);
  const bool finite = model_step(t->model, shard, latents, update_gradient(t->update), &found);
  t->flow_seconds += found.seconds;
  tally_add(&t->tally, shard->encoding, shard->samples.count);
  memcpy(notices, found.totals.notices, sizeof found.totals.notices);
  if (!finite) return false;

  clock_enter(PHASE_OPTIMISER);
  run_forget_guesses(t->run);
  update_apply(t->update, rate);
  t->loss_sum += found.totals.loss;
  t->counts.uses += shard->size;
  t->counts.epoch_uses += shard->size;
  if (t->counts.evaluations >= 0) t->counts.evaluations += found.totals.evaluations;
  t->at.step++;

  clock_enter(PHASE_OUTPUT);
  const struct history_step record = {
      .epoch = trainer_passes(t) + 1,
      .samples =
          trainer_samples_seen(t) + t->at.batch * t->run->config.training.batch + batch_size(t),
      .loss = found.totals.loss / (double)shard->size,
      .evaluations = (double)found.totals.evaluations / (double)shard->size,
      .learning_rate = rate,
      .seconds = trainer_elapsed(t)};
  history_add_step(t->history, record);
  char note[64];
  snprintf(note, sizeof note, "loss %.5f", record.loss);
  log_progress(t->at.refit ? "training again: step" : "training: step", t->at.step,
               t->batches * trainer_passes_planned(t) * t->run->config.training.updates,
               record.seconds, note);
  return true;
}

// Brings the samples at places of an order to where they are worked on; `second`, where second
// flows begin, or NULL.
static struct shard *gather(struct trainer *t, const struct sample_order *order, int64_t first,
                            int64_t size, const real *second) {
  clock_enter(PHASE_DATA);
  const struct shard_batch batch = {
      .first = first,
      .size = size,
      .tile = t->run->tile,
      .evaluations = model_flows_are_free(t->run) ? t->evaluations : NULL,
      .second = second};
  return shard_gather(t->run->comm, order, &batch, t->run->decoder->d, t->latents);
}

// Sends home what is needed later, and frees the rest.
static void send_home(struct trainer *t, struct shard **shard) {
  const struct config *config = &t->run->config;
  const bool latents =
      config->training.warm_start || config->training.replay || trainer_validates(t);
  clock_enter(PHASE_DATA);
  shard_return(*shard, latents ? t->latents : NULL,
               model_flows_are_uneven(t->run) ? t->evaluations : NULL);
  shard_destroy(shard);
}

// Flows of a batch begin at zero if latents were kept only for replay.
static void forget_latents(struct trainer *t, int64_t first, int64_t size) {
  const size_t stride = real_padded(t->run->decoder->d);
  const struct own_sample *own;
  const int64_t count = sample_order_own(present_order(t), first, size, &own);
  for (int64_t k = 0; k < count; k++)
    memset(t->latents + (size_t)own[k].local * stride, 0, stride * sizeof(real));
}

// An update from samples drawn from all loaded so far.
static bool replay(struct trainer *t, int64_t notices[TRAINER_NOTICES]) {
  const struct config *config = &t->run->config;
  const int64_t loaded = replay_loaded(config, t->data->count, t->at.epoch, t->at.batch);
  struct sample_order *drawn = replay_draw(config, present_order(t), loaded, t->at.step);
  struct shard *shard = gather(t, drawn, 0, replay_draw_size(config, loaded), NULL);
  const bool good = update(t, shard, LATENTS_DRAWN, notices);
  send_home(t, &shard);
  sample_order_destroy(&drawn);
  return good;
}

static bool train_batch(struct trainer *t, int64_t notices[TRAINER_NOTICES]) {
  const struct config *config = &t->run->config;
  const int64_t first = t->at.batch * config->training.batch, updates = config->training.updates;
  const bool replays = config->training.replay;
  if (!config->training.warm_start) forget_latents(t, first, batch_size(t));
  if (t->at.batch == 0) second_flow_begin(t->second, t->at.epoch, t->latents);
  struct shard *shard =
      gather(t, present_order(t), first, batch_size(t), second_flow_latents(t->second));
  bool good = update(t, shard, LATENTS_EARLIER, notices);
  for (int64_t u = 1; u < updates && good && !replays; u++)
    good = update(t, shard, LATENTS_OF_BATCH, notices);
  send_home(t, &shard);
  for (int64_t u = 1; u < updates && good && replays; u++) good = replay(t, notices);
  return good;
}

// Whether the epoch whose batches are done is the last of this training.
static bool is_last(const struct trainer *t) {
  return t->at.stopped || t->at.epoch + 1 >= trainer_passes_planned(t);
}

static bool wants_test(const struct trainer *t) {
  const int64_t every = t->run->config.evaluation.every;
  return t->run->used[SET_TEST] && every > 0 && ((t->at.epoch + 1) % every == 0 || is_last(t));
}

// ---- validation ----

static bool is_at_start(const struct trainer *t) { return t->at.epoch == 0 && t->at.batch == 0; }

static bool wants_validation(const struct trainer *t) {
  if (!trainer_validates(t) || t->at.validating == VALIDATED) return false;
  return is_at_start(t) || (t->at.batch == t->batches &&
                            validation_is_due(t->at.epoch + 1, t->run->config.training.epochs));
}

// Enters the loss of the present decoder; true if it is the start or the one to keep.
static bool judge(struct trainer *t, double loss) {
  const int64_t patience = t->run->config.training.patience;
  if (is_at_start(t)) {
    t->choice = validation_begin(t->run->config.decoder.loss, loss);
    return true;
  }
  const bool gains = validation_judge(&t->choice, t->at.epoch + 1, loss);
  if (gains && t->kept != NULL) trainer_keep_present(t);
  t->at.stopped = patience > 0 && t->choice.waited >= patience;
  return gains;
}

// An autoencoder is judged by the loss with its encoder, which is what it learns to minimise.
static bool judges_encoder(const struct trainer *t) { return t->run->decoder->encoder != NULL; }

static void begin_validation(struct trainer *t) {
  t->validation = evaluation_create(t->run, SET_VALIDATION,
                                    judges_encoder(t) ? EVALUATION_BY_ENCODER : EVALUATION_NEW);
}

// Encodes a part of the validation set and, at its end, enters the loss.
static void validate(struct trainer *t) {
  if (t->validation == NULL) begin_validation(t);
  t->at.validating = VALIDATING;
  if (!judges_encoder(t) && t->counts.epoch_uses > 0)
    first_guess_prepare_provisional(t->run, t->latents, t->loss_sum / (double)t->counts.epoch_uses);
  if (evaluation_advance(t->validation, slice)) return;
  first_guess_drop_provisional(t->run);
  const struct encoding *encoding =
      judges_encoder(t) ? t->validation->by_encoder : t->validation->encoding;
  const bool counts =
      judge(t, judges_encoder(t) ? t->validation->loss_encoder : t->validation->loss);
  if (t->cross != NULL && (counts || trainer_has_folds(t)))
    cross_validation_add(t->cross, t->run->comm, t->run->sets[SET_VALIDATION],
                         is_at_start(t) ? 0 : t->at.epoch + 1, encoding->loss);
  t->at.validating = VALIDATED;
  evaluation_destroy(&t->validation);
}

// ---- epochs ----

// The largest of the ranks' times divided by their mean. Collective.
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
      .samples = trainer_samples_seen(t) + t->data->count,
      .validation_loss = t->at.validating == VALIDATED ? t->choice.latest : NAN,
      .test_loss = t->at.testing ? t->test->loss : NAN,
      .test_loss_encoder = t->at.testing ? t->test->loss_encoder : NAN};
  record.train_loss = t->loss_sum / (double)t->counts.epoch_uses;
  tally_combine(&t->tally, run->comm);
  record.evaluations_mean = tally_mean(&t->tally);
  record.evaluations_p50 = tally_percentile(&t->tally, 0.50);
  record.evaluations_p99 = tally_percentile(&t->tally, 0.99);
  record.evaluations_max = tally_percentile(&t->tally, 1.0);
  record.not_converged = tally_not_converged(&t->tally);
  record.imbalance = imbalance(run->comm, t->flow_seconds);
  record.seconds = trainer_elapsed(t);
  record.cpu_seconds = trainer_cpu_elapsed(t);
  history_add_epoch(t->history, record);
  tally_clear(&t->tally);
  sample_order_destroy(&t->order);
  second_flow_end(t->second);
  t->loss_sum = t->flow_seconds = 0.0;
  t->counts.epoch_uses = 0;
  t->at.epoch++;
  t->at.batch = t->at.testing = t->at.validating = 0;
  if (!trainer_is_done(t))
    evaluation_destroy(&t->test);
  else if (!t->at.refit)
    trainer_end_first(t);
}

// The loss or the gradient is no longer finite: the decoder is that of the step before or, if
// training validates, the one to keep.
static void diverge(struct trainer *t) {
  const bool before = t->kept == NULL;
  log_progress_end();
  log_warning(
      "the loss is no longer finite in step %lld of epoch %lld; the decoder %s is kept. Try a "
      "smaller training.learning_rate (now %g), data.scale, or fewer encoding.max_iterations, in "
      "another run.directory or with run.restart = never",
      (long long)t->at.step + 1, (long long)trainer_passes(t) + 1,
      before ? "of the step before" : "chosen by validation",
      t->run->config.training.optimiser.learning_rate);
  if (before) return;
  if (!trainer_has_folds(t)) trainer_confirm_kept(t);
  trainer_restore_kept(t);
  trainer_tell_held_out(t, true);
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

// What versions that did not count have done: each update took its batch.
static struct trainer_counts counts_of_old(const struct trainer *t) {
  const int64_t loaded = t->at.batch * t->run->config.training.batch, count = t->data->count;
  const int64_t updates = t->run->config.training.updates;
  const int64_t present = (loaded < count ? loaded : count) * updates;
  return (struct trainer_counts){.uses = t->at.epoch * count * updates + present,
                                 .epoch_uses = present,
                                 .evaluations = t->at.step > 0 ? -1 : 0};
}

void trainer_resume(struct trainer *t, struct trainer_position position, int64_t fold) {
  t->at = position;
  sample_order_destroy(&t->order);
  if (position.refit) {
    cross_validation_destroy(&t->cross);
    trainer_begin_refit(t);
  } else if (fold > 0)
    trainer_begin_fold(t, fold);
  else if (trainer_is_done(t)) {
    cross_validation_destroy(&t->cross);
    trainer_forget_kept(t);
  }
  t->counts = counts_of_old(t);
  second_flow_resume(t->second, position.epoch, position.batch);
  trainer_tell_held_out(t, trainer_is_done(t));
  if (position.testing) t->test = evaluation_create(t->run, SET_TEST, EVALUATION_NEW);
  if (position.validating == VALIDATING) begin_validation(t);
}

void trainer_settle(struct trainer *t) {
  const int64_t epochs = t->run->config.training.epochs, before = t->plan.epochs;
  if (!plan_is_open(&t->run->config) || before == epochs || trainer_is_done(t)) return;
  const int64_t left = (epochs - t->at.epoch) * t->batches - t->at.batch;
  t->plan = plan_anew(&t->run->config, t->at.step, left);
  log_line(
      "  %-8s %lld epochs instead of %lld: over the remaining %lld updates the rate falls anew, "
      "from %g. A run of %lld epochs from the start would have had different rates",
      "plan", (long long)epochs, (long long)before, (long long)t->plan.steps,
      t->run->config.training.optimiser.learning_rate, (long long)epochs);
}
