#include "engine/validation.h"

#include <math.h>

#include "data/hold_out.h"
#include "ground/log.h"

enum { VALIDATIONS = 50 };  // about, per training run

// ---- the samples ----

static void refuse(const struct run *run, const struct hold_out *hold_out, struct error *error) {
  const long long whole = hold_out->whole, least = hold_out->least;
  const double share = run->config.training.validation;
  if (least == whole)
    error_set(
        error,
        "training.validation = %g: the %lld samples of data.train are one group (trajectory), "
        "of which no part can be held out; give more of them, or data.validation",
        share, whole);
  else if (hold_out->count == 0)
    error_set(
        error,
        "training.validation = %g: none of the %lld samples of data.train would be held out, "
        "because only whole groups (trajectories) are; give at least %.3g, which holds out %lld",
        share, whole, (double)least / (double)whole, least);
  else
    error_set(
        error,
        "training.validation = %g: all %lld samples of data.train would be held out, and none "
        "is left to train with; give a smaller share",
        share, whole);
}

static struct hold_out *choose(const struct run *run, int64_t fold) {
  return hold_out_choose(run->comm, run->sets[SET_TRAIN], run->config.training.validation,
                         (uint64_t)run->config.run.seed, fold);
}

// Whether every fold holds out some of the samples, but not all.
static bool check_folds(const struct run *run, struct error *error) {
  bool good = true;
  for (int64_t fold = 0; fold < run->config.training.folds && good; fold++) {
    struct hold_out *hold_out = choose(run, fold);
    good = hold_out->count > 0 && hold_out->count < hold_out->whole;
    if (!good) refuse(run, hold_out, error);
    hold_out_destroy(&hold_out);
  }
  return good;
}

static void split(struct run *run, int64_t fold) {
  struct dataset *train = run->sets[SET_TRAIN];
  struct hold_out *hold_out = choose(run, fold);
  run->hold_out = hold_out;
  hold_out_split(hold_out, run->comm, train, &run->views[SET_TRAIN], &run->sets[SET_VALIDATION],
                 &run->views[SET_VALIDATION]);
  run->used[SET_VALIDATION] = true;
  run->shapes[SET_VALIDATION] = run->shapes[SET_TRAIN];
  run->shapes[SET_VALIDATION].count = hold_out->count;
  run->shapes[SET_TRAIN].count -= hold_out->count;
}

void validation_hold_out(struct run *run, struct error *error) {
  const struct config *config = &run->config;
  if (!config->run.task[TASK_TRAIN] || config->training.validation <= 0.0) return;
  if (!check_folds(run, error)) return;
  split(run, 0);
  run->data_checksum[SET_VALIDATION] = dataset_checksum(run->comm, run->sets[SET_VALIDATION]);
  const struct hold_out *hold_out = run->hold_out;
  log_line(
      "  %-8s %lld of the %lld training samples are held out for validation, %lld are used "
      "for training",
      "held out", (long long)hold_out->count, (long long)hold_out->whole,
      (long long)run->sets[SET_TRAIN]->count);
}

void validation_next_fold(struct run *run, int64_t fold) {
  validation_return(run);
  split(run, fold);
}

void validation_return(struct run *run) {
  if (run->hold_out == NULL) return;
  hold_out_join(run->hold_out, run->comm, run->sets[SET_TRAIN], &run->views[SET_TRAIN],
                &run->sets[SET_VALIDATION], &run->views[SET_VALIDATION]);
  run->used[SET_VALIDATION] = false;
  run->shapes[SET_TRAIN].count = run->hold_out->whole;
  hold_out_destroy(&run->hold_out);
}

// ---- the rule ----

struct validation_choice validation_begin(enum loss_kind kind, double loss) {
  return (struct validation_choice){.start = loss,
                                    .kept_loss = loss,
                                    .lowest = loss,
                                    .latest = loss,
                                    .margin = loss_ops(kind)->percent};
}

// A loss that is NaN is worse than any other. `factor` multiplies the loss that it must be below.
static bool is_lower(double loss, double than, double factor) {
  return isfinite(loss) && (!isfinite(than) || (loss < than && loss <= factor * than));
}

bool validation_judge(struct validation_choice *choice, int64_t passes, double loss) {
  const double factor = choice->kept == 0 ? 1.0 - choice->margin : 1.0;
  const bool gains = is_lower(loss, choice->kept_loss, factor);
  choice->latest = loss;
  choice->waited++;
  if (is_lower(loss, choice->lowest, 1.0)) {
    choice->lowest = loss;
    choice->waited = 0;
  }
  if (gains) {
    choice->kept = passes;
    choice->kept_loss = loss;
  }
  return gains;
}

static int64_t interval(int64_t epochs) {
  return epochs > VALIDATIONS ? (epochs + VALIDATIONS - 1) / VALIDATIONS : 1;
}

bool validation_is_due(int64_t passes, int64_t epochs) {
  return passes == epochs || passes % interval(epochs) == 0;
}

int64_t validation_number(int64_t passes, int64_t epochs) {
  const int64_t every = interval(epochs);
  return (passes + every - 1) / every;
}

int64_t validation_count(int64_t epochs) { return 1 + validation_number(epochs, epochs); }

int64_t validation_passes(int64_t number, int64_t epochs) {
  const int64_t passes = number * interval(epochs);
  return passes < epochs ? passes : epochs;
}
