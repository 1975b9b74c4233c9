#include "engine/cross_validation.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"

static int64_t row_count(int64_t epochs, int64_t folds) {
  return folds > 1 ? validation_count(epochs) : 2;
}

struct cross_validation *cross_validation_create(int64_t samples, int64_t epochs, int64_t folds) {
  struct cross_validation *cross = memory_new(struct cross_validation, 1);
  const int64_t rows = row_count(epochs, folds);
  *cross = (struct cross_validation){.epochs = epochs,
                                     .folds = folds,
                                     .samples = samples,
                                     .group = memory_new(int64_t, samples),
                                     .loss = memory_new(double, (size_t)rows *(size_t)samples)};
  for (int64_t i = 0; i < samples; i++) cross->loss[i] = NAN;  // unknown until they are entered
  return cross;
}

void cross_validation_destroy(struct cross_validation **cross) {
  if (*cross == NULL) return;
  memory_free(&(*cross)->group);
  memory_free(&(*cross)->loss);
  memory_free(cross);
}

// Losses after `passes` passes.
static double *losses(const struct cross_validation *cross, int64_t passes) {
  const int64_t number = validation_number(passes, cross->epochs);
  const int64_t last = row_count(cross->epochs, cross->folds) - 1;
  return cross->loss + (size_t)(number < last ? number : last) * (size_t)cross->samples;
}

void cross_validation_add(struct cross_validation *cross, struct comm *comm,
                          const struct dataset *held, int64_t passes, const double *loss) {
  const size_t count = (size_t)held->count, local = (size_t)held->local_count;
  int64_t *group = cross->group + cross->before;
  double *here = losses(cross, passes) + cross->before;
  memset(group, 0, count * sizeof *group);
  memset(here, 0, count * sizeof *here);
  if (local > 0) {
    memcpy(group + held->local_first, held->group, local * sizeof *group);
    memcpy(here + held->local_first, loss, local * sizeof *here);
  }
  comm_sum_int64(comm, group, count);
  comm_sum_double(comm, here, count);
}

void cross_validation_next(struct cross_validation *cross, int64_t count) {
  cross->before += count;
}

// Losses of groups (trajectories), at the start and later.
struct group_losses {
  int64_t count;
  double *start, *later;  // [count]
  double *gain;           // [count] scratch
};

// After `passes` passes. The samples of a group follow each other.
static struct group_losses sum_groups(const struct cross_validation *cross, int64_t passes) {
  const double *start = losses(cross, 0), *later = losses(cross, passes);
  struct group_losses groups = {.start = memory_new(double, cross->before),
                                .later = memory_new(double, cross->before),
                                .gain = memory_new(double, cross->before)};
  for (int64_t i = 0; i < cross->before; i++) {
    if (i == 0 || cross->group[i] != cross->group[i - 1]) groups.count++;
    groups.start[groups.count - 1] += start[i];
    groups.later[groups.count - 1] += later[i];
  }
  return groups;
}

static void free_groups(struct group_losses *groups) {
  memory_free(&groups->start);
  memory_free(&groups->later);
  memory_free(&groups->gain);
}

static double mean(int64_t count, const double *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += x[i];
  return sum / (double)count;
}

// The sum of the squares of the deviations from the mean.
static double squares(int64_t count, const double *x) {
  const double centre = mean(count, x);
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += (x[i] - centre) * (x[i] - centre);
  return sum;
}

// Whether a gain is above what chance explains: one-sided, at the level of 2.5 %.
static bool is_above_chance(double gain, double variance) {
  const double quantile = 1.96;  // of the normal distribution
  return gain > 0.0 && gain * gain > quantile * quantile * variance;
}

// The gain 1 - b/a in the loss of all groups, a at the start and b later; its variance by the
// jackknife (Tukey 1958), which is large if the gain depends on a single group.
static bool total_is_significant(const struct group_losses *groups) {
  const double n = (double)groups->count;
  const double a = n * mean(groups->count, groups->start);
  const double b = n * mean(groups->count, groups->later);
  for (int64_t g = 0; g < groups->count; g++) {
    const double rest = a - groups->start[g];
    groups->gain[g] = rest > 0.0 ? 1.0 - (b - groups->later[g]) / rest : 0.0;
  }
  return a > 0.0 &&
         is_above_chance(1.0 - b / a, (n - 1.0) / n * squares(groups->count, groups->gain));
}

// The mean of the groups' relative gains (a - b) / (a + b), in which each group counts alike,
// however large its losses are.
static bool mean_is_significant(const struct group_losses *groups) {
  const double n = (double)groups->count;
  for (int64_t g = 0; g < groups->count; g++) {
    const double a = groups->start[g], b = groups->later[g];
    groups->gain[g] = a + b > 0.0 ? (a - b) / (a + b) : 0.0;
  }
  return is_above_chance(mean(groups->count, groups->gain),
                         squares(groups->count, groups->gain) / (n * (n - 1.0)));
}

// A start whose loss is not finite, or not known from a checkpoint of an earlier version, is worse
// than anything; and from a single group, chance cannot be told.
static bool is_significant(const struct cross_validation *cross, int64_t passes) {
  if (!isfinite(mean(cross->before, losses(cross, 0)))) return true;
  struct group_losses groups = sum_groups(cross, passes);
  const bool significant =
      groups.count < 2 || total_is_significant(&groups) || mean_is_significant(&groups);
  free_groups(&groups);
  return significant;
}

struct validation_choice cross_validation_choose(const struct cross_validation *cross,
                                                 enum loss_kind kind) {
  const int64_t count = validation_count(cross->epochs);
  struct validation_choice choice = validation_begin(kind, mean(cross->before, losses(cross, 0)));
  for (int64_t k = 1; k < count; k++) {
    const int64_t passes = validation_passes(k, cross->epochs);
    validation_judge(&choice, passes, mean(cross->before, losses(cross, passes)));
  }
  cross_validation_confirm(cross, &choice);
  return choice;
}

bool cross_validation_confirm(const struct cross_validation *cross,
                              struct validation_choice *choice) {
  if (choice->kept == 0 || is_significant(cross, choice->kept)) return true;
  choice->kept = 0;
  choice->kept_loss = choice->start;
  return false;
}

void cross_validation_state(struct cross_validation *cross, struct state *state) {
  const size_t first = state->count;
  const bool single = cross->folds == 1;
  state_add_numbers(state, "training", "folds_before", STATE_INT64, &cross->before, 1, "one",
                    "samples of the folds that have ended");
  state_add_numbers(state, "training", "folds_group", STATE_INT64, cross->group, cross->samples,
                    "held_out", "group of each sample held out");
  state_add_numbers(state, "training", "folds_loss", STATE_DOUBLE, cross->loss,
                    row_count(cross->epochs, cross->folds) * cross->samples, "validation_held_out",
                    single ? "loss of each sample held out: of the start, of the decoder to keep"
                           : "loss of each sample held out, in each validation");
  for (size_t i = first; i < state->count; i++) state->fields[i].newer = single;
}

double cross_validation_bytes(int64_t samples, int64_t epochs, int64_t folds) {
  return (double)samples * (1.0 + (double)row_count(epochs, folds)) * (double)sizeof(double);
}
