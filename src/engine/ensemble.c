#include "engine/ensemble.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/ensemble_coupled.h"
#include "ground/clock.h"
#include "ground/memory.h"

struct ensemble {
  const struct ranks *ranks;
  const struct decoder *decoder;
  struct solver_options options;
  struct placement_rule rule;
  struct objective *objective;
  struct objective_row *rows;  // [rule.most]
  double *loss;                // [rule.most]
  struct pool *pool;           // flows under way, between ensemble_begin() and ensemble_end()
  struct coupled *coupled;     // the same of groups that share a step
};

size_t ensemble_rows(const struct decoder *decoder, size_t rows) {
  enum { MOST = 240, LEAST = 24, BUDGET = 1 << 25 };  // BUDGET: bytes of work space
  const size_t affordable = BUDGET / objective_bytes(decoder, 1);
  if (rows > MOST) rows = MOST;
  if (rows > affordable) rows = affordable > LEAST ? affordable : LEAST;
  return (rows + PLACEMENT_ROWS - 1) / PLACEMENT_ROWS * PLACEMENT_ROWS;
}

struct ensemble *ensemble_create(const struct ranks *ranks, const struct decoder *decoder,
                                 const struct solver_options *options,
                                 const struct placement_rule *rule) {
  assert(rule->most % PLACEMENT_ROWS == 0 && rule->least <= rule->most);
  struct ensemble *e = memory_new(struct ensemble, 1);
  *e = (struct ensemble){.ranks = ranks, .decoder = decoder, .options = *options, .rule = *rule};
  e->objective = objective_create(decoder, rule->most);
  e->rows = memory_new(struct objective_row, rule->most);
  e->loss = memory_new(double, rule->most);
  return e;
}

void ensemble_destroy(struct ensemble **ensemble) {
  struct ensemble *e = *ensemble;
  if (e == NULL) return;
  ensemble_end(e);
  objective_destroy(&e->objective);
  memory_free(&e->rows);
  memory_free(&e->loss);
  memory_free(ensemble);
}

// A sample under way and the place of its solver's state.
struct flow {
  int64_t sample, evaluations;
  struct solver_state *state;
};

// Per class of rows: samples that wait, in order of position, and those under way. The flows of a
// class stand in its first `active` places; the states of the others are free.
struct class {
  int64_t *queue;
  int64_t waiting, next;
  struct flow *flows;
  size_t active;
};

struct pool {
  const struct samples *samples;
  struct encoding *encoding;
  struct class *classes;
  size_t class_count, capacity;  // flows per class
  char *states;
  int64_t *queue;
  struct flow *flows;
};

static struct pool *pool_create(const struct ensemble *e, const struct samples *samples,
                                struct encoding *encoding) {
  struct pool *pool = memory_new(struct pool, 1);
  pool->samples = samples;
  pool->encoding = encoding;
  pool->class_count = e->rule.classes;
  pool->capacity = e->rule.most / e->rule.classes;
  pool->classes = memory_new(struct class, pool->class_count);
  pool->queue = memory_new(int64_t, samples->count);
  pool->flows = memory_new(struct flow, e->rule.most);
  const size_t size =
      memory_rounded(solver_ops(&e->options)->state_size(&e->options, e->decoder->d));
  pool->states = memory_new(char, e->rule.most *size);
  for (size_t i = 0; i < e->rule.most; i++)
    pool->flows[i].state = (struct solver_state *)(void *)(pool->states + i * size);

  const int64_t classes = (int64_t)pool->class_count;
  for (int64_t i = 0; i < samples->count; i++)
    if (encoding->status[i] == STATUS_RUNNING)
      pool->classes[samples_position(samples, i) % classes].waiting++;
  int64_t *queue = pool->queue;
  for (size_t c = 0; c < pool->class_count; c++) {
    pool->classes[c].queue = queue;
    pool->classes[c].flows = pool->flows + c * pool->capacity;
    queue += pool->classes[c].waiting;
    pool->classes[c].waiting = 0;
  }
  for (int64_t i = 0; i < samples->count; i++) {
    if (encoding->status[i] != STATUS_RUNNING) continue;
    struct class *class = &pool->classes[samples_position(samples, i) % classes];
    class->queue[class->waiting++] = i;
  }
  return pool;
}

static void pool_destroy(struct pool **pool) {
  if (*pool == NULL) return;
  memory_free(&(*pool)->classes);
  memory_free(&(*pool)->queue);
  memory_free(&(*pool)->flows);
  memory_free(&(*pool)->states);
  memory_free(pool);
}

static struct solver_problem problem_of(const struct ensemble *e, const struct pool *pool,
                                        int64_t i) {
  const struct encoding *encoding = pool->encoding;
  return (struct solver_problem){
      .d = e->decoder->d,
      .alpha = samples_alpha(pool->samples, &e->options, i),
      .metric = encoding->metric,
      .trajectory = encoding->trajectories == NULL ? NULL : encoding->trajectories[i],
      .replay = encoding->replays == NULL ? NULL : encoding->replays[i]};
}

// Starts waiting samples in free places. Returns the flows of the fullest class.
static size_t pool_fill(const struct ensemble *e, struct pool *pool) {
  size_t fullest = 0;
  for (size_t c = 0; c < pool->class_count; c++) {
    struct class *class = &pool->classes[c];
    while (class->active < pool->capacity && class->next < class->waiting) {
      struct flow *flow = &class->flows[class->active++];
      flow->sample = class->queue[class->next++];
      flow->evaluations = 0;
      const struct solver_problem problem = problem_of(e, pool, flow->sample);
      solver_ops(&e->options)
          ->start(&e->options, &problem,
                  pool->encoding->z + (size_t)flow->sample * real_padded(e->decoder->d),
                  flow->state);
    }
    if (class->active > fullest) fullest = class->active;
  }
  return fullest;
}

static void pool_place(struct ensemble *e, const struct pool *pool, size_t rows) {
  const size_t stride = real_padded(e->decoder->d);
  real *z = objective_latents(e->objective);
  memset(z, 0, rows * stride * sizeof *z);
  memset(e->rows, 0, rows * sizeof *e->rows);
  for (size_t c = 0; c < pool->class_count; c++)
    for (size_t k = 0; k < pool->classes[c].active; k++) {
      const struct flow *flow = &pool->classes[c].flows[k];
      const size_t row = placement_row(&e->rule, c, k);
      memcpy(z + row * stride, flow->state->point, stride * sizeof *z);
      e->rows[row] = samples_row(pool->samples, e->decoder->n, flow->sample);
    }
}

static void record(const struct ensemble *e, struct pool *pool, const struct flow *flow,
                   int status) {
  const size_t i = (size_t)flow->sample, stride = real_padded(e->decoder->d);
  struct encoding *encoding = pool->encoding;
  memcpy(encoding->z + i * stride, flow->state->point, stride * sizeof(real));
  encoding->loss[i] = flow->state->loss;
  encoding->evaluations[i] = flow->evaluations;
  encoding->iterations[i] = flow->state->iterations;
  encoding->rejected[i] = flow->state->rejected;
  encoding->status[i] = (int8_t)status;
}

static void pool_advance(struct ensemble *e, struct pool *pool, const real *gradient) {
  const size_t stride = real_padded(e->decoder->d);
  for (size_t c = 0; c < pool->class_count; c++) {
    struct class *class = &pool->classes[c];
    for (size_t k = class->active; k-- > 0;) {  // downwards: the last flow fills a gap
      struct flow *flow = &class->flows[k];
      const size_t row = placement_row(&e->rule, c, k);
      const struct solver_problem problem = problem_of(e, pool, flow->sample);
      flow->evaluations++;
      const int status =
          solver_ops(&e->options)
              ->advance(&e->options, &problem, e->loss[row], gradient + row * stride, flow->state);
      if (status == STATUS_RUNNING) continue;
      record(e, pool, flow, status);
      const struct flow done = *flow;
      *flow = class->flows[--class->active];
      class->flows[class->active] = done;
    }
  }
}

void ensemble_begin(struct ensemble *e, const struct samples *samples, int64_t group,
                    struct encoding *encoding) {
  assert(e->pool == NULL && e->coupled == NULL && encoding->source == ENCODING_BY_FLOW);
  const struct coupled_setting setting = {.ranks = e->ranks,
                                          .decoder = e->decoder,
                                          .options = &e->options,
                                          .rule = &e->rule,
                                          .objective = e->objective};
  if (e->options.coupling == COUPLING_BATCH)
    e->coupled = coupled_create(&setting, samples, group, encoding);
  else
    e->pool = pool_create(e, samples, encoding);
}

bool ensemble_advance(struct ensemble *e, double seconds) {
  if (e->coupled != NULL) return coupled_advance(e->coupled);
  assert(e->pool != NULL);
  const double begun = clock_seconds();
  for (size_t fullest; (fullest = pool_fill(e, e->pool)) > 0;) {
    const size_t rows = placement_rows_needed(&e->rule, fullest);
    pool_place(e, e->pool, rows);
    pool_advance(e, e->pool, objective_evaluate(e->objective, rows, e->rows, e->loss));
    if (clock_seconds() - begun >= seconds) return pool_fill(e, e->pool) > 0;
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
