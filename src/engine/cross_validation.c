#include "engine/cross_validation.h"

#include <string.h>

#include "ground/memory.h"

struct cross_validation *cross_validation_create(int64_t samples, int64_t epochs) {
  struct cross_validation *cross = memory_new(struct cross_validation, 1);
  *cross = (struct cross_validation){
      .epochs = epochs,
      .samples = samples,
      .group = memory_new(int64_t, samples),
      .loss = memory_new(double, (size_t)validation_count(epochs) * (size_t)samples)};
  return cross;
}

void cross_validation_destroy(struct cross_validation **cross) {
  if (*cross == NULL) return;
  memory_free(&(*cross)->group);
  memory_free(&(*cross)->loss);
  memory_free(cross);
}

static double *losses(const struct cross_validation *cross, int64_t number) {
  return cross->loss + (size_t)number * (size_t)cross->samples;
}

void cross_validation_add(struct cross_validation *cross, struct comm *comm,
                          const struct dataset *held, int64_t passes, const double *loss) {
  const size_t count = (size_t)held->count, local = (size_t)held->local_count;
  int64_t *group = cross->group + cross->before;
  double *here = losses(cross, validation_number(passes, cross->epochs)) + cross->before;
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

static double mean_loss(const struct cross_validation *cross, int64_t number) {
  double sum = 0.0;
  for (int64_t i = 0; i < cross->before; i++) sum += losses(cross, number)[i];
  return sum / (double)cross->before;
}

// Whether validation `number` shows a gain that is typical: the relative gain (a - b) / (a + b) of
// a group, whose losses are a at the start and b then, is in the mean above twice its standard
// error. So each group counts alike, however large its losses are. The samples of a group follow
// each other.
static bool is_typical(const struct cross_validation *cross, int64_t number) {
  const double *first = losses(cross, 0), *later = losses(cross, number);
  double a = 0.0, b = 0.0, sum = 0.0, squares = 0.0, groups = 0.0;
  for (int64_t i = 0; i < cross->before; i++) {
    a += first[i];
    b += later[i];
    if (i + 1 < cross->before && cross->group[i + 1] == cross->group[i]) continue;
    const double gain = a + b > 0.0 ? (a - b) / (a + b) : 0.0;
    sum += gain;
    squares += gain * gain;
    groups += 1.0;
    a = b = 0.0;
  }
  if (groups < 2.0) return true;
  const double variance = (squares - sum * sum / groups) / (groups - 1.0);
  return sum > 0.0 && sum * sum > 4.0 * groups * variance;
}

struct validation_choice cross_validation_choose(const struct cross_validation *cross,
                                                 enum loss_kind kind) {
  const int64_t count = validation_count(cross->epochs);
  struct validation_choice choice = validation_begin(kind, mean_loss(cross, 0));
  for (int64_t k = 1; k < count; k++)
    validation_judge(&choice, validation_passes(k, cross->epochs), mean_loss(cross, k));
  if (choice.kept == 0 || is_typical(cross, validation_number(choice.kept, cross->epochs)))
    return choice;
  choice.kept = 0;
  choice.kept_loss = choice.start;
  return choice;
}

void cross_validation_state(struct cross_validation *cross, struct state *state) {
  state_add_numbers(state, "training", "folds_before", STATE_INT64, &cross->before, 1, "one",
                    "samples of the folds that have ended");
  state_add_numbers(state, "training", "folds_group", STATE_INT64, cross->group, cross->samples,
                    "held_out", "group of each sample held out");
  state_add_numbers(state, "training", "folds_loss", STATE_DOUBLE, cross->loss,
                    validation_count(cross->epochs) * cross->samples, "validation_held_out",
                    "loss of each sample held out, in each validation");
}

double cross_validation_bytes(int64_t samples, int64_t epochs) {
  return (double)samples * (1.0 + (double)validation_count(epochs)) * (double)sizeof(double);
}
