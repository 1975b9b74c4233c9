#include "engine/ensemble.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/carry.h"
#include "engine/ensemble_coupled.h"
#include "engine/root_loss.h"
#include "engine/starts.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "input/config.h"

struct ensemble {
  const struct ranks *ranks;
  const struct decoder *decoder;
  struct solver_options options;
  int64_t max_iterations;  // as given; those of `options` are of the flows under way
  size_t room;             // rows of an evaluation at most
  struct objective *objective;
  struct objective_row *rows;  // [room]
  double *loss;                // [room]
  real *root;               // [room][real_padded(d)] gradients of roots of losses; NULL: of losses
  struct pool *pool;        // flows under way, between ensemble_begin() and ensemble_end()
  struct coupled *coupled;  // the same of groups that share a step
};

size_t ensemble_rows(const struct decoder *decoder, size_t rows) {
  enum { MAX_ROWS = 240, BUDGET = 1 << 25 };  // BUDGET: bytes of work space
  const size_t affordable = BUDGET / objective_bytes(decoder, 1, false);
  if (rows > MAX_ROWS) rows = MAX_ROWS;
  if (rows > affordable) rows = affordable > 1 ? affordable : 1;
  return rows;
}

struct ensemble *ensemble_create(const struct ranks *ranks, const struct decoder *decoder,
                                 const struct solver_options *options, size_t rows) {
  assert(rows > 0);
  struct ensemble *e = memory_new(struct ensemble, 1);
  *e = (struct ensemble){.ranks = ranks,
                         .decoder = decoder,
                         .options = *options,
                         .max_iterations = options->max_iterations,
                         .room = rows};
  e->objective = objective_create(decoder, rows, false);
  e->rows = memory_new(struct objective_row, rows);
  e->loss = memory_new(double, rows);
  if (root_loss_is_followed(options)) e->root = memory_new(real, rows * real_padded(decoder->d));
  return e;
}

void ensemble_leave_passes(struct ensemble *e) {
  assert(e->pool == NULL && e->coupled == NULL);
  objective_destroy(&e->objective);
  e->objective = objective_create(e->decoder, e->room, true);
}

void ensemble_destroy(struct ensemble **ensemble) {
  struct ensemble *e = *ensemble;
  if (e == NULL) return;
  ensemble_end(e);
  objective_destroy(&e->objective);
  memory_free(&e->rows);
  memory_free(&e->loss);
  memory_free(&e->root);
  memory_free(ensemble);
}

double ensemble_bytes(const struct decoder *decoder, const struct solver_options *options,
                      size_t rows, bool passes) {
  return (double)objective_bytes(decoder, rows, passes) +
         (double)rows * (double)solver_ops(options)->state_size(options, decoder->d);
}

// A sample in progress and the state of its solver.
struct flow {
  int64_t sample, evaluations, iterations, rejected;  // those of earlier tries included
  size_t attempt;                                     // from 0
  int status;                                         // of the flow that is kept
  bool guessed;                                       // it began at a guess, not at a start
  bool unproved;                                      // the loss at this guess is not known yet
  int found_again;                                    // tries that came to the kept end again
  struct solver_state *state;
};

// Flows in progress occupy the first `active` places; the states of the others are free.
struct pool {
  const struct samples *samples;
  struct encoding *encoding;
  int64_t next;  // the first sample that may still wait
  char *states;
  struct flow *flows;  // [room]
  size_t active;
};

static struct pool *pool_create(const struct ensemble *e, const struct samples *samples,
                                struct encoding *encoding) {
  struct pool *pool = memory_new(struct pool, 1);
  pool->samples = samples;
  pool->encoding = encoding;
  pool->flows = memory_new(struct flow, e->room);
  const size_t size =
      memory_rounded(solver_ops(&e->options)->state_size(&e->options, e->decoder->d));
  pool->states = memory_new(char, e->room *size);
  for (size_t i = 0; i < e->room; i++)
    pool->flows[i].state = (struct solver_state *)(void *)(pool->states + i * size);
  return pool;
}

static void pool_destroy(struct pool **pool) {
  if (*pool == NULL) return;
  memory_free(&(*pool)->flows);
  memory_free(&(*pool)->states);
  memory_free(pool);
}

static struct solver_problem problem_of(const struct ensemble *e, const struct pool *pool,
                                        const struct flow *flow) {
  const int64_t i = flow->sample;
  const struct encoding *encoding = pool->encoding;
  const struct starts *starts = encoding->starts;
  const real *own =
      starts == NULL ? NULL : starts->metric[(size_t)i * starts->tries + flow->attempt];
  return (struct solver_problem){
      .d = e->decoder->d,
      .alpha = samples_alpha(pool->samples, &e->options, i),
      .metric = own != NULL ? own : encoding->metric,
      .near = own != NULL && starts->near,
      .curvature = encoding->carry == NULL ? NULL : carry_curvature(encoding->carry, i),
      .trajectory = encoding->trajectories == NULL ? NULL : encoding->trajectories[i],
      .replay = encoding->replays == NULL ? NULL : encoding->replays[i]};
}

static void begin(const struct ensemble *e, const struct pool *pool, struct flow *flow,
                  const real *z) {
  const struct solver_problem problem = problem_of(e, pool, flow);
  solver_ops(&e->options)->start(&e->options, &problem, z, flow->state);
}

// Starts waiting samples in free places. Returns whether any flows are in progress.
static bool pool_fill(const struct ensemble *e, struct pool *pool) {
  for (; pool->active < e->room && pool->next < pool->samples->count; pool->next++) {
    const int64_t i = pool->next;
    if (pool->encoding->status[i] != STATUS_RUNNING) continue;
    struct flow *flow = &pool->flows[pool->active++];
    const struct starts *starts = pool->encoding->starts;
    *flow = (struct flow){.sample = i,
                          .state = flow->state,
                          .guessed = starts != NULL && starts_guess(starts, e->decoder->d, i, 0)};
    flow->unproved = flow->guessed;
    begin(e, pool, flow, pool->encoding->z + (size_t)i * real_padded(e->decoder->d));
  }
  return pool->active > 0;
}

static void pool_place(struct ensemble *e, const struct pool *pool) {
  const size_t stride = real_padded(e->decoder->d);
  real *z = objective_latents(e->objective);
  for (size_t k = 0; k < pool->active; k++) {
    const struct flow *flow = &pool->flows[k];
    memcpy(z + k * stride, flow->state->point, stride * sizeof *z);
    e->rows[k] = samples_row(pool->samples, e->decoder->n, flow->sample);
  }
}

// Keeps the end of a flow if it is the sample's first or lower than the earlier ones.
static void keep(const struct ensemble *e, struct pool *pool, struct flow *flow, int status) {
  const size_t i = (size_t)flow->sample, stride = real_padded(e->decoder->d);
  struct encoding *encoding = pool->encoding;
  const double end = flow->state->loss, loss = e->root != NULL ? end * end : end;
  const bool first = flow->attempt == 0;
  const bool lowest = first || loss < encoding->loss[i] || isnan(encoding->loss[i]);
  const double loser = lowest ? encoding->loss[i] : loss;
  if (first)
    encoding->loss_other[i] = NAN;
  else
    encoding->loss_other[i] = fmin(encoding->loss_other[i], loser);  // that ignores NaN
  if (!lowest) return;
  memcpy(encoding->z + i * stride, flow->state->point, stride * sizeof(real));
  encoding->loss[i] = encoding->objective[i] = loss;
  flow->status = status;
  if (encoding->starts != NULL)
    encoding->start[i] = flow->guessed
                             ? (int8_t)START_DICTIONARY
                             : encoding->starts->kind[i * encoding->starts->tries + flow->attempt];
}

static void record(struct pool *pool, const struct flow *flow) {
  const size_t i = (size_t)flow->sample;
  struct encoding *encoding = pool->encoding;
  encoding->evaluations[i] = flow->evaluations;
  encoding->iterations[i] = flow->iterations;
  encoding->rejected[i] = flow->rejected;
  encoding->tries[i] = (int64_t)flow->attempt + 1;
  encoding->status[i] = (int8_t)flow->status;
}

// The point from which the sample tries again; NULL if it is good enough or has no further start,
// or if this end has been found three times: then it is probably the lowest (Boender and Rinnooy
// Kan 1987).
static const real *next_start(const struct ensemble *e, const struct pool *pool,
                              const struct flow *flow) {
  const struct encoding *encoding = pool->encoding;
  const struct starts *starts = encoding->starts;
  if (starts == NULL || encoding->loss[flow->sample] <= starts->enough) return NULL;
  if (flow->found_again == 2) return NULL;
  return starts_latent(starts, e->decoder->d, flow->sample, flow->attempt + 1);
}

// What a flow that has ended in row k leaves behind: the last pass only if it was that of its end.
static void leave(const struct ensemble *e, const struct solver_problem *problem, size_t k,
                  const struct flow *flow, struct carry *carry) {
  const struct solver_ops *ops = solver_ops(&e->options);
  const size_t stride = real_padded(e->decoder->d);
  const real *last = objective_latents(e->objective) + k * stride;
  void *curvature = carry_curvature(carry, flow->sample);
  if (curvature != NULL) ops->keep_curvature(&e->options, problem, flow->state, curvature);
  if (memcmp(last, flow->state->point, stride * sizeof *last) == 0)
    carry_take_pass(carry, flow->sample, e->objective, k);
}

// Whether a further try has come to the end that is kept, and would only find it again.
static bool finds_again(const struct ensemble *e, const struct pool *pool,
                        const struct flow *flow) {
  const struct starts *starts = pool->encoding->starts;
  const size_t d = e->decoder->d;
  return flow->attempt > 0 && starts->factor != NULL &&
         starts_near(starts, d, flow->state->point,
                     pool->encoding->z + (size_t)flow->sample * real_padded(d));
}

// A flow begins at its start after all if the guess has a greater loss.
static bool guessed_badly(const struct ensemble *e, const struct pool *pool, size_t k) {
  struct flow *flow = &pool->flows[k];
  const struct starts *starts = pool->encoding->starts;
  if (!flow->unproved) return false;
  flow->unproved = false;
  const double loss = e->root != NULL ? e->loss[k] * e->loss[k] : e->loss[k];
  return !(loss <= starts->loss[(size_t)flow->sample * starts->tries + flow->attempt]);
}

static void pool_advance(struct ensemble *e, struct pool *pool, const real *gradient) {
  const size_t stride = real_padded(e->decoder->d);
  for (size_t k = pool->active; k-- > 0;) {  // downwards: the last flow fills a gap
    struct flow *flow = &pool->flows[k];
    const struct solver_problem problem = problem_of(e, pool, flow);
    flow->evaluations++;
    if (guessed_badly(e, pool, k)) {
      flow->guessed = false;
      begin(e, pool, flow,
            starts_latent(pool->encoding->starts, e->decoder->d, flow->sample, flow->attempt));
      continue;
    }
    const int status =
        solver_ops(&e->options)
            ->advance(&e->options, &problem, e->loss[k], gradient + k * stride, flow->state);
    const bool ends = status != STATUS_RUNNING;
    const bool again = finds_again(e, pool, flow);
    if (!ends && !again) continue;
    if (again) flow->found_again++;
    flow->iterations += flow->state->iterations;
    flow->rejected += flow->state->rejected;
    if (pool->encoding->carry != NULL) leave(e, &problem, k, flow, pool->encoding->carry);
    if (ends) keep(e, pool, flow, status);
    const real *z = next_start(e, pool, flow);
    if (z != NULL) {
      flow->attempt++;
      const real *guess =
          starts_guess(pool->encoding->starts, e->decoder->d, flow->sample, flow->attempt);
      flow->guessed = flow->unproved = guess != NULL;
      begin(e, pool, flow, guess != NULL ? guess : z);
      continue;
    }
    record(pool, flow);
    const struct flow done = *flow;
    *flow = pool->flows[--pool->active];
    pool->flows[pool->active] = done;
  }
}

void ensemble_begin(struct ensemble *e, const struct samples *samples, int64_t group,
                    struct encoding *encoding) {
  assert(e->pool == NULL && e->coupled == NULL && encoding->source == ENCODING_BY_FLOW);
  assert(encoding->carry == NULL || encoding->starts == NULL);  // a sample has one flow then
  const bool cut = encoding->carry != NULL && encoding->carry->iterations > 0;
  e->options.max_iterations = cut ? encoding->carry->iterations : e->max_iterations;
  const struct coupled_setting setting = {.ranks = e->ranks,
                                          .decoder = e->decoder,
                                          .options = &e->options,
                                          .rows = e->room,
                                          .objective = e->objective,
                                          .root = e->root};
  if (e->options.coupling == COUPLING_BATCH)
    e->coupled = coupled_create(&setting, samples, group, encoding);
  else
    e->pool = pool_create(e, samples, encoding);
}

bool ensemble_advance(struct ensemble *e, double seconds) {
  if (e->coupled != NULL) return coupled_advance(e->coupled);
  assert(e->pool != NULL);
  const double begun = clock_seconds();
  while (pool_fill(e, e->pool)) {
    const size_t rows = e->pool->active;
    pool_place(e, e->pool);
    pool_advance(e, e->pool,
                 root_loss_evaluate(e->objective, e->decoder->d, rows, e->rows, e->loss, e->root));
    if (clock_seconds() - begun >= seconds) return pool_fill(e, e->pool);
  }
  return false;
}

void ensemble_end(struct ensemble *e) {
  pool_destroy(&e->pool);
  coupled_destroy(&e->coupled);
}

void ensemble_run(struct ensemble *e, const struct samples *samples, int64_t group,
                  struct encoding *encoding) {
  memset(encoding->status, STATUS_RUNNING, (size_t)samples->count);
  ensemble_begin(e, samples, group, encoding);
  while (ensemble_advance(e, INFINITY)) continue;
  ensemble_end(e);
}
