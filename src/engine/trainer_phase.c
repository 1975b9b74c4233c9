// The successive training runs: one for each fold, then one with all samples; and the parameters
// and latents that are kept for later.
#include <string.h>

#include "engine/pod.h"
#include "engine/pod_start.h"
#include "engine/trainer_internal.h"
#include "ground/memory.h"

static real *copy_parameters(const struct decoder *decoder) {
  real *copy = memory_new(real, decoder->count);
  memcpy(copy, decoder->theta, decoder->count * sizeof *copy);
  return copy;
}

static size_t latents_bytes(const struct trainer *t) {
  return (size_t)t->data->local_count * real_padded(t->run->decoder->d) * sizeof(real);
}

bool trainer_validates(const struct trainer *t) {
  return config_validates(&t->run->config) && !t->at.refit;
}

int64_t trainer_passes(const struct trainer *t) { return t->at.passes_before + t->at.epoch; }

int64_t trainer_samples_seen(const struct trainer *t) {
  return t->at.samples_before + t->at.epoch * t->data->count;
}

int64_t trainer_passes_planned(const struct trainer *t) {
  return t->at.refit ? t->at.kept : t->run->config.training.epochs;
}

bool trainer_is_done(const struct trainer *t) {
  return t->at.batch == 0 && (t->at.stopped || t->at.epoch >= trainer_passes_planned(t));
}

bool trainer_chooses(const struct trainer *t) {
  const struct config *config = &t->run->config;
  return trainer_validates(t) && config->training.keep == KEEP_BEST && config->training.epochs > 0;
}

bool trainer_has_folds(const struct trainer *t) {
  return trainer_chooses(t) && t->run->config.training.folds > 1;
}

void trainer_tell_held_out(struct trainer *t, bool chosen) {
  const bool known = config_validates(&t->run->config) && t->run->decoder->encoder == NULL;
  t->run->held_out_loss = !known                  ? NULL
                          : chosen || t->at.refit ? &t->choice.kept_loss
                                                  : &t->choice.latest;
}

// Where the first flows of training begin.
static void set_first_latents(const struct trainer *t, real *latents) {
  memset(latents, 0, latents_bytes(t));
  if (t->run->config.training.warm_start) pod_start_latents(t->run, latents);
}

void trainer_begin_phase(struct trainer *t) {
  const struct config *config = &t->run->config;
  const struct decoder *decoder = t->run->decoder;
  const int64_t batch = config->training.batch;
  t->data = t->run->sets[SET_TRAIN];
  t->batches = (t->data->count + batch - 1) / batch;
  t->plan = plan_make(config, t->batches);
  t->counts.uses = t->counts.epoch_uses = 0;
  if (config_makes_copies(config))
    t->copies = copies_create(&config->training.copies, t->run->views[SET_TRAIN], t->data,
                              (uint64_t)config->run.seed);
  t->model = model_create(t->run);
  t->latents = memory_new(real, (size_t)t->data->local_count * real_padded(decoder->d));
  set_first_latents(t, t->latents);
  t->evaluations = memory_new(int64_t, t->data->local_count);
  t->second = second_flow_create(t->run);
  t->update = update_create(t->run);
  t->run->latents = model_keeps_latents(t->run) ? t->latents : NULL;
  trainer_tell_held_out(t, false);
}

void trainer_forget_kept(struct trainer *t) {
  memory_free(&t->kept);
  memory_free(&t->kept_latents);
}

void trainer_end_phase(struct trainer *t) {
  t->run->latents = NULL;
  t->run->held_out_loss = NULL;
  model_destroy(&t->model);
  sample_order_destroy(&t->order);
  copies_destroy(&t->copies);
  evaluation_destroy(&t->test);
  evaluation_destroy(&t->validation);
  memory_free(&t->latents);
  memory_free(&t->evaluations);
  second_flow_destroy(&t->second);
  update_destroy(&t->update);
  trainer_forget_kept(t);
}

// Replaces the parameters of the decoder.
static void set_parameters(struct trainer *t, const real *theta) {
  struct decoder *decoder = t->run->decoder;
  run_forget_guesses(t->run);
  memcpy(decoder->theta, theta, decoder->count * sizeof *theta);
  decoder_pack(decoder);
}

void trainer_keep_present(struct trainer *t) {
  const struct decoder *decoder = t->run->decoder;
  memcpy(t->kept, decoder->theta, decoder->count * sizeof *t->kept);
  memcpy(t->kept_latents, t->latents, latents_bytes(t));
}

void trainer_restore_kept(struct trainer *t) {
  set_parameters(t, t->kept);
  memcpy(t->latents, t->kept_latents, latents_bytes(t));
}

void trainer_keep_start(struct trainer *t) {
  const struct config *config = &t->run->config;
  if (!trainer_validates(t)) return;
  const bool best = config->training.keep == KEEP_BEST;
  if ((best || config->training.refit) && t->start == NULL)
    t->start = copy_parameters(t->run->decoder);
  if (!best) return;
  t->kept = copy_parameters(t->run->decoder);
  t->kept_latents = memory_allocate(1, latents_bytes(t));
  trainer_keep_present(t);
}

// Trains again from the start, with other samples.
static void begin_again(struct trainer *t) {
  set_parameters(t, t->start);
  if (pod_start_wanted(t->run)) {  // that of the samples to learn from
    pod_destroy(&t->run->pod);
    pod_start_decoder(t->run);
  }
  trainer_begin_phase(t);
}

void trainer_begin_refit(struct trainer *t) {
  trainer_end_phase(t);
  validation_return(t->run);
  begin_again(t);
}

void trainer_begin_fold(struct trainer *t, int64_t fold) {
  trainer_end_phase(t);
  t->fold = fold;
  validation_next_fold(t->run, fold);
  begin_again(t);
  trainer_keep_start(t);
}

// To be called at the end of each fold.
static void end_losses(struct trainer *t) {
  cross_validation_next(t->cross, t->run->sets[SET_VALIDATION]->count);
}

void trainer_confirm_kept(struct trainer *t) {
  end_losses(t);
  if (!cross_validation_confirm(t->cross, &t->choice)) {
    memcpy(t->kept, t->start, t->run->decoder->count * sizeof *t->kept);
    set_first_latents(t, t->kept_latents);
  }
  cross_validation_destroy(&t->cross);
}

// One of several folds has ended: true if another one begins. After the last one, all decide.
static bool end_fold(struct trainer *t) {
  const struct config *config = &t->run->config;
  end_losses(t);
  if (t->fold + 1 < config->training.folds) {
    t->at = (struct trainer_position){.passes_before = trainer_passes(t),
                                      .samples_before = trainer_samples_seen(t)};
    trainer_begin_fold(t, t->fold + 1);
    return true;
  }
  t->choice = cross_validation_choose(t->cross, config->decoder.loss);
  cross_validation_destroy(&t->cross);
  return false;
}

void trainer_end_first(struct trainer *t) {
  const struct config *config = &t->run->config;
  if (!trainer_validates(t) || (trainer_has_folds(t) && end_fold(t))) return;
  if (t->cross != NULL) trainer_confirm_kept(t);
  if (config->training.keep == KEEP_LAST) {
    t->choice.kept = t->at.epoch;
    t->choice.kept_loss = t->choice.latest;
  }
  if (t->choice.kept < t->at.epoch) {
    evaluation_destroy(&t->test);
    trainer_restore_kept(t);
  }
  trainer_forget_kept(t);
  trainer_tell_held_out(t, true);
  if (!config->training.refit) return;
  t->at = (struct trainer_position){.refit = 1,
                                    .kept = t->choice.kept,
                                    .passes_before = trainer_passes(t),
                                    .samples_before = trainer_samples_seen(t)};
  trainer_begin_refit(t);
}
