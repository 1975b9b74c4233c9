// The paper's batch-coupled AMD: one step size for a whole group of samples, which every sample
// must accept, and one test of convergence on the group's mean loss. All groups of a data set
// advance at once, whichever ranks their samples are on; the ranks agree on each step by exact
// sums, so that their number does not matter.
#include "engine/ensemble_coupled.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/root_loss.h"
#include "engine/rows_sweep.h"
#include "flow/solver_amd.h"
#include "ground/memory.h"

enum { UNIT_BITS = 40 };

// The state of a group, the same on every rank.
struct group {
  struct amd_steps steps;
  double mean;  // loss at the trial
  int64_t size, rejected, evaluations;
  enum solver_status status;
};

// What the ranks tell each other about a group after an evaluation: sums of integers.
struct ballot {
  int64_t loss;       // sum of losses in units of 2^(exponent - UNIT_BITS)
  int64_t objecting;  // samples that do not accept the step
  int64_t nonfinite;  // samples without a finite loss
};

struct coupled {
  struct coupled_setting setting;
  const struct samples *samples;
  struct encoding *encoding;
  struct group *groups;
  struct ballot *ballots;
  int64_t group_count, group_size;
  real *gradient, *trial, *trial_gradient;  // [count][real_padded(d)]
  double *trial_loss;                       // [count]
  int *moved;                               // [group_count] what a step did to a group
  struct rows_sweep *sweep;
  bool first;  // the starting points are still to be evaluated
};

static struct group *group_of(const struct coupled *c, int64_t i) {
  return &c->groups[samples_position(c->samples, i) / c->group_size];
}

static size_t stride_of(const struct coupled *c) { return real_padded(c->setting.decoder->d); }

static bool is_running(const void *context, int64_t i) {
  return group_of(context, i)->status == STATUS_RUNNING;
}

// Loss and gradient at the trial points of all samples whose group is still running.
static void evaluate(struct coupled *c) {
  struct objective *objective = c->setting.objective;
  struct rows_sweep *sweep = c->sweep;
  const size_t stride = stride_of(c);
  real *z = objective_latents(objective);
  rows_sweep_begin(sweep, c->samples, c->setting.decoder->n, 0, c->samples->count, is_running, c);
  while (rows_sweep_next(sweep)) {
    for (size_t row = 0; row < sweep->rows; row++)
      memcpy(z + row * stride, c->trial + (size_t)sweep->occupant[row] * stride,
             stride * sizeof *z);
    const real *gradient = root_loss_evaluate(objective, c->setting.decoder->d, sweep->rows,
                                              sweep->row, sweep->loss, c->setting.root);
    for (size_t row = 0; row < sweep->rows; row++) {
      const int64_t i = sweep->occupant[row];
      c->trial_loss[i] = sweep->loss[row];
      memcpy(c->trial_gradient + (size_t)i * stride, gradient + row * stride,
             stride * sizeof *gradient);
    }
  }
}

// Does a sample accept its group's step? (src/flow/README.md, "Adaptive minimise distance")
static bool accepts(const struct coupled *c, int64_t i) {
  const size_t d = c->setting.decoder->d;
  const real *g = c->gradient + (size_t)i * stride_of(c);
  const real *g_trial = c->trial_gradient + (size_t)i * stride_of(c);
  const double loss = c->encoding->loss[i];
  return solver_accepts(
      c->setting.options->armijo,
      group_of(c, i)->steps.step * samples_alpha(c->samples, c->setting.options, i),
      c->setting.root != NULL ? sqrt(loss) : loss, c->trial_loss[i], -solver_dot(d, g, g),
      -solver_dot(d, g_trial, g));
}

// Sums over the samples of each group, on all ranks. Losses are summed in a unit that the largest
// finite one sets.
static void count_ballots(struct coupled *c, bool first) {
  double largest = 0.0;
  for (int64_t i = 0; i < c->samples->count; i++)
    if (group_of(c, i)->status == STATUS_RUNNING && isfinite(c->trial_loss[i]))
      largest = fmax(largest, fabs(c->trial_loss[i]));
  ranks_max_double(c->setting.ranks, &largest, 1);
  int exponent = 0;
  frexp(largest, &exponent);
  memset(c->ballots, 0, (size_t)c->group_count * sizeof *c->ballots);
  for (int64_t i = 0; i < c->samples->count; i++) {
    const struct group *group = group_of(c, i);
    if (group->status != STATUS_RUNNING) continue;
    struct ballot *ballot = &c->ballots[group - c->groups];
    if (!isfinite(c->trial_loss[i])) {
      ballot->nonfinite++;
      continue;
    }
    ballot->loss += llrint(ldexp(c->trial_loss[i], UNIT_BITS - exponent));
    if (!first && !accepts(c, i)) ballot->objecting++;
  }
  ranks_sum_int64(c->setting.ranks, &c->ballots->loss,
                  (size_t)c->group_count * sizeof *c->ballots / sizeof(int64_t));
  for (int64_t k = 0; k < c->group_count; k++)
    c->groups[k].mean = ldexp((double)c->ballots[k].loss, exponent - UNIT_BITS) /
                        (double)(c->groups[k].size > 0 ? c->groups[k].size : 1);
}

// Decides on a group's trial. Returns whether its samples move to the trial points.
static bool decide(struct group *group, const struct ballot *ballot,
                   const struct solver_options *options, bool first) {
  struct amd_steps *steps = &group->steps;
  group->evaluations++;
  if (first && ballot->nonfinite > 0) {
    group->status = STATUS_NONFINITE;
    return true;
  }
  if (ballot->nonfinite > 0 || ballot->objecting > 0) {
    group->rejected++;
    if (!amd_reduce(steps, options)) group->status = STATUS_UNDERFLOW;
    return false;
  }
  if (!first) {
    const double before = steps->losses[steps->iterations % AMD_WINDOW];
    amd_accept(steps, options, before, before - group->mean);
  }
  amd_note(steps, group->mean);
  if (amd_rests(steps, options))
    group->status = STATUS_CONVERGED;
  else if (steps->t >= options->tau)
    group->status = STATUS_TAU;
  else if (steps->iterations >= options->max_iterations)
    group->status = STATUS_LIMIT;
  return true;
}

// The effect of a step on a group.
enum { GROUP_IDLE, GROUP_STAYED, GROUP_MOVED };

// Moves accepted samples; records those that have ended and gives the others their next trial
// point.
static void move(struct coupled *c) {
  const size_t stride = stride_of(c);
  for (int64_t i = 0; i < c->samples->count; i++) {
    const struct group *group = group_of(c, i);
    if (c->moved[group - c->groups] == GROUP_IDLE) continue;
    real *z = c->encoding->z + (size_t)i * stride, *g = c->gradient + (size_t)i * stride;
    real *trial = c->trial + (size_t)i * stride;
    if (c->moved[group - c->groups] == GROUP_MOVED) {
      memcpy(z, trial, stride * sizeof *z);
      memcpy(g, c->trial_gradient + (size_t)i * stride, stride * sizeof *g);
      const double loss = c->trial_loss[i];
      c->encoding->loss[i] = c->encoding->objective[i] =
          c->setting.root != NULL ? loss * loss : loss;
    }
    c->encoding->iterations[i] = group->steps.iterations;
    c->encoding->rejected[i] = group->rejected;
    c->encoding->evaluations[i] = group->evaluations;
    c->encoding->status[i] = (int8_t)group->status;
    c->encoding->tries[i] = 1;
    c->encoding->loss_other[i] = NAN;
    const real factor =
        (real)(group->steps.step * samples_alpha(c->samples, c->setting.options, i));
    for (size_t j = 0; j < stride; j++) trial[j] = z[j] - factor * g[j];
  }
}

// One evaluation and decision for every group still running. Returns how many continue.
static int64_t step(struct coupled *c) {
  const struct solver_options *options = c->setting.options;
  const bool first = c->first;
  int64_t running = 0;
  evaluate(c);
  count_ballots(c, first);
  for (int64_t k = 0; k < c->group_count; k++) {
    struct group *group = &c->groups[k];
    c->moved[k] = GROUP_IDLE;
    if (group->status != STATUS_RUNNING) continue;
    c->moved[k] = decide(group, &c->ballots[k], options, first) ? GROUP_MOVED : GROUP_STAYED;
    amd_next(&group->steps, options);
    if (group->status == STATUS_RUNNING) running++;
  }
  move(c);
  c->first = false;
  return running;
}

// Groups whose samples are already encoded, on whichever ranks, take no further part.
static void drop_finished(struct coupled *c) {
  int64_t *finished = memory_new(int64_t, c->group_count);
  for (int64_t i = 0; i < c->samples->count; i++)
    if (c->encoding->status[i] != STATUS_RUNNING) finished[group_of(c, i) - c->groups] = 1;
  ranks_max_int64(c->setting.ranks, finished, (size_t)c->group_count);
  for (int64_t k = 0; k < c->group_count; k++)
    if (finished[k]) c->groups[k].status = STATUS_CONVERGED;
  memory_free(&finished);
}

struct coupled *coupled_create(const struct coupled_setting *setting, const struct samples *samples,
                               int64_t group, struct encoding *encoding) {
  assert(group > 0);
  const size_t size = (size_t)samples->count * real_padded(setting->decoder->d);
  struct coupled *c = memory_new(struct coupled, 1);
  *c = (struct coupled){
      .setting = *setting, .samples = samples, .encoding = encoding, .first = true};
  c->group_size = group;
  c->group_count = (samples->total + group - 1) / group;
  c->groups = memory_new(struct group, c->group_count);
  c->ballots = memory_new(struct ballot, c->group_count);
  c->moved = memory_new(int, c->group_count);
  c->sweep = rows_sweep_create(setting->rows);
  c->gradient = memory_new(real, size);
  c->trial = memory_new(real, size);
  c->trial_gradient = memory_new(real, size);
  c->trial_loss = memory_new(double, samples->count);
  memcpy(c->trial, encoding->z, size * sizeof *c->trial);
  for (int64_t k = 0; k < c->group_count; k++) {
    c->groups[k] = (struct group){.steps = amd_begin(setting->options), .status = STATUS_RUNNING};
    c->groups[k].size = k + 1 < c->group_count ? group : samples->total - k * group;
  }
  drop_finished(c);
  return c;
}

bool coupled_advance(struct coupled *c) { return step(c) > 0; }

void coupled_destroy(struct coupled **coupled) {
  struct coupled *c = *coupled;
  if (c == NULL) return;
  memory_free(&c->groups);
  memory_free(&c->ballots);
  memory_free(&c->moved);
  rows_sweep_destroy(&c->sweep);
  memory_free(&c->gradient);
  memory_free(&c->trial);
  memory_free(&c->trial_gradient);
  memory_free(&c->trial_loss);
  memory_free(coupled);
}
