// The paper's batch-coupled AMD: one step size for a whole group of samples, which every sample
// must accept, and one test of convergence on the group's mean loss. All groups of a data set
// advance at once, whichever ranks their samples are on; the ranks agree on each step by exact
// sums, so that their number does not matter.
#include <math.h>
#include <string.h>

#include "engine/ensemble_internal.h"
#include "flow/solver_amd.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

enum { UNIT_BITS = 40 };

// The state of a group, the same on every rank.
struct group {
  struct amd_steps steps;
  double mean;  // loss at the trial
  int64_t size, rejected, evaluations;
  enum solver_status status;
};

// What the ranks tell each other of a group after an evaluation: sums of integers.
struct tally {
  int64_t loss;       // sum of losses in units of 2^(exponent - UNIT_BITS)
  int64_t objecting;  // samples that do not accept the step
  int64_t nonfinite;  // samples without a finite loss
};

struct coupled {
  struct ensemble *ensemble;
  const struct samples *samples;
  struct encoding *encoding;
  struct group *groups;
  struct tally *tallies;
  int64_t group_count, group_size;
  real *gradient, *trial, *trial_gradient;  // [count][real_padded(d)]
  double *trial_loss;                       // [count]
  bool first;                               // the starting points are still to be evaluated
};

static struct group *group_of(const struct coupled *c, int64_t i) {
  return &c->groups[samples_position(c->samples, i) / c->group_size];
}

static size_t stride_of(const struct coupled *c) { return real_padded(c->ensemble->decoder->d); }

// Loss and gradient at the trial points of all samples whose group is still running.
static void evaluate(struct coupled *c) {
  struct ensemble *e = c->ensemble;
  const size_t stride = stride_of(c);
  real *z = objective_latents(e->objective);
  int64_t *occupant = memory_new(int64_t, e->rule.most);
  struct placement *placement = placement_create(&e->rule);
  for (int64_t i = 0; i < c->samples->count;) {
    placement_begin(placement);
    memset(e->rows, 0, e->rule.most * sizeof *e->rows);
    for (size_t row; i < c->samples->count; i++) {
      if (group_of(c, i)->status != STATUS_RUNNING) continue;
      if (!placement_take(placement, samples_position(c->samples, i), &row)) break;
      memcpy(z + row * stride, c->trial + (size_t)i * stride, stride * sizeof *z);
      e->rows[row] = samples_row(e, c->samples, i);
      occupant[row] = i;
    }
    const size_t rows = placement_rows(placement);
    if (rows == 0) break;
    const real *gradient = objective_evaluate(e->objective, rows, e->rows, e->loss);
    for (size_t row = 0; row < rows; row++) {
      if (e->rows[row].y == NULL) continue;
      c->trial_loss[occupant[row]] = e->loss[row];
      memcpy(c->trial_gradient + (size_t)occupant[row] * stride, gradient + row * stride,
             stride * sizeof *gradient);
    }
  }
  memory_free(&occupant);
  placement_destroy(&placement);
}

// Does a sample accept its group's step? (src/flow/README.md, "Adaptive minimise distance")
static bool accepts(const struct coupled *c, int64_t i) {
  const size_t d = c->ensemble->decoder->d;
  const real *g = c->gradient + (size_t)i * stride_of(c);
  const real *g_trial = c->trial_gradient + (size_t)i * stride_of(c);
  return solver_accepts(c->ensemble->options.armijo,
                        group_of(c, i)->steps.step * samples_alpha(c->ensemble, c->samples, i),
                        c->encoding->loss[i], c->trial_loss[i], -solver_dot(d, g, g),
                        -solver_dot(d, g_trial, g));
}

// Sums over the samples of each group, on all ranks. Losses are summed in a unit that the largest
// finite one sets.
static void tally(struct coupled *c, bool first) {
  double largest = 0.0;
  for (int64_t i = 0; i < c->samples->count; i++)
    if (group_of(c, i)->status == STATUS_RUNNING && isfinite(c->trial_loss[i]))
      largest = fmax(largest, fabs(c->trial_loss[i]));
  comm_max_double(c->ensemble->comm, &largest, 1);
  int exponent = 0;
  frexp(largest, &exponent);
  memset(c->tallies, 0, (size_t)c->group_count * sizeof *c->tallies);
  for (int64_t i = 0; i < c->samples->count; i++) {
    const struct group *group = group_of(c, i);
    if (group->status != STATUS_RUNNING) continue;
    struct tally *t = &c->tallies[group - c->groups];
    if (!isfinite(c->trial_loss[i])) {
      t->nonfinite++;
      continue;
    }
    t->loss += llrint(ldexp(c->trial_loss[i], UNIT_BITS - exponent));
    if (!first && !accepts(c, i)) t->objecting++;
  }
  comm_sum_int64(c->ensemble->comm, &c->tallies->loss,
                 (size_t)c->group_count * sizeof *c->tallies / sizeof(int64_t));
  for (int64_t k = 0; k < c->group_count; k++)
    c->groups[k].mean = ldexp((double)c->tallies[k].loss, exponent - UNIT_BITS) /
                        (double)(c->groups[k].size > 0 ? c->groups[k].size : 1);
}

// Decides on a group's trial. Returns whether its samples move to the trial points.
static bool decide(struct group *group, const struct tally *t, const struct solver_options *options,
                   bool first) {
  struct amd_steps *steps = &group->steps;
  group->evaluations++;
  if (first && t->nonfinite > 0) {
    group->status = STATUS_NONFINITE;
    return true;
  }
  if (t->nonfinite > 0 || t->objecting > 0) {
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

// What a step did to a group.
enum { GROUP_IDLE, GROUP_STAYED, GROUP_MOVED };

// Moves accepted samples; what ended is recorded, what goes on gets its next trial point.
static void move(struct coupled *c, const int *moved) {
  const size_t stride = stride_of(c);
  for (int64_t i = 0; i < c->samples->count; i++) {
    const struct group *group = group_of(c, i);
    if (moved[group - c->groups] == GROUP_IDLE) continue;
    real *z = c->encoding->z + (size_t)i * stride, *g = c->gradient + (size_t)i * stride;
    real *trial = c->trial + (size_t)i * stride;
    if (moved[group - c->groups] == GROUP_MOVED) {
      memcpy(z, trial, stride * sizeof *z);
      memcpy(g, c->trial_gradient + (size_t)i * stride, stride * sizeof *g);
      c->encoding->loss[i] = c->trial_loss[i];
    }
    c->encoding->iterations[i] = group->steps.iterations;
    c->encoding->rejected[i] = group->rejected;
    c->encoding->evaluations[i] = group->evaluations;
    c->encoding->status[i] = (int8_t)group->status;
    const real factor = (real)(group->steps.step * samples_alpha(c->ensemble, c->samples, i));
    for (size_t j = 0; j < stride; j++) trial[j] = z[j] - factor * g[j];
  }
}

// One evaluation and decision for every group still running. Returns how many go on.
static int64_t step(struct coupled *c) {
  const struct solver_options *options = &c->ensemble->options;
  const bool first = c->first;
  int *moved = memory_new(int, c->group_count);
  int64_t running = 0;
  evaluate(c);
  tally(c, first);
  for (int64_t k = 0; k < c->group_count; k++) {
    struct group *group = &c->groups[k];
    if (group->status != STATUS_RUNNING) continue;
    moved[k] = decide(group, &c->tallies[k], options, first) ? GROUP_MOVED : GROUP_STAYED;
    amd_next(&group->steps, options);
    if (group->status == STATUS_RUNNING) running++;
  }
  move(c, moved);
  c->first = false;
  memory_free(&moved);
  return running;
}

// Groups whose samples are encoded already, on whichever ranks, take no further part.
static void drop_finished(struct coupled *c) {
  int64_t *finished = memory_new(int64_t, c->group_count);
  for (int64_t i = 0; i < c->samples->count; i++)
    if (c->encoding->status[i] != STATUS_RUNNING) finished[group_of(c, i) - c->groups] = 1;
  comm_max_int64(c->ensemble->comm, finished, (size_t)c->group_count);
  for (int64_t k = 0; k < c->group_count; k++)
    if (finished[k]) c->groups[k].status = STATUS_CONVERGED;
  memory_free(&finished);
}

struct coupled *coupled_create(struct ensemble *e, const struct samples *samples, int64_t group,
                               struct encoding *encoding) {
  const size_t size = (size_t)samples->count * real_padded(e->decoder->d);
  struct coupled *c = memory_new(struct coupled, 1);
  *c = (struct coupled){.ensemble = e, .samples = samples, .encoding = encoding, .first = true};
  c->group_size = group;
  c->group_count = (samples->total + group - 1) / group;
  c->groups = memory_new(struct group, c->group_count);
  c->tallies = memory_new(struct tally, c->group_count);
  c->gradient = memory_new(real, size);
  c->trial = memory_new(real, size);
  c->trial_gradient = memory_new(real, size);
  c->trial_loss = memory_new(double, samples->count);
  memcpy(c->trial, encoding->z, size * sizeof *c->trial);
  for (int64_t k = 0; k < c->group_count; k++) {
    c->groups[k] = (struct group){.steps = amd_begin(&e->options), .status = STATUS_RUNNING};
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
  memory_free(&c->tallies);
  memory_free(&c->gradient);
  memory_free(&c->trial);
  memory_free(&c->trial_gradient);
  memory_free(&c->trial_loss);
  memory_free(coupled);
}
