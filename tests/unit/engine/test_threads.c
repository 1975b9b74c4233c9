// Use as a library: two threads encode at the same time, each with its own decoder and ensemble, in
// a process without MPI. They share no state, so the bits are those of one thread; and running out
// of memory is returned as an error.
#include <pthread.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/ensemble.h"
#include "engine/predictor.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/no_memory.h"
#include "support/test.h"

enum { SAMPLES = 90, LATENT = 4, ENTRIES = 50, GROUP = 30, ROWS = 48, REPEATS = 5 };

// The samples, which threads share and only read.
struct given {
  struct samples samples;
  real *y;
  double *weight_sum;
};

static struct given given_create(void) {
  struct given g = {.y = memory_new(real, SAMPLES * real_padded(ENTRIES)),
                    .weight_sum = memory_new(double, SAMPLES)};
  for (uint64_t s = 0; s < SAMPLES; s++) {
    g.weight_sum[s] = ENTRIES;
    for (uint64_t i = 0; i < ENTRIES; i++)
      g.y[s * real_padded(ENTRIES) + i] = (real)rng_uniform(9, RNG_TEST, s, i / 10);
  }
  g.samples =
      (struct samples){.count = SAMPLES, .y = g.y, .weight_sum = g.weight_sum, .total = SAMPLES};
  return g;
}

static void given_free(struct given *g) {
  memory_free(&g->y);
  memory_free(&g->weight_sum);
}

// What a thread is asked for, and what it found.
struct job {
  const struct given *given;
  struct solver_options options;
  size_t latent;
  struct encoding *first, *guessed;  // from z = 0; from what a predictor makes of these
  struct error error;
};

static void work(void *context) {
  struct job *job = context;
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 30, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(job->latent, 2, specs, LOSS_BCE);
  decoder_initialise(decoder, 3);
  struct ensemble *ensemble = ensemble_create(NULL, decoder, &job->options, ROWS);
  const struct samples *samples = &job->given->samples;
  job->first = encoding_create(SAMPLES, job->latent);
  ensemble_run(ensemble, samples, GROUP, job->first);
  struct predictor *predictor = predictor_fit(NULL, samples, job->latent, ENTRIES, job->first->z);
  job->guessed = encoding_create(SAMPLES, job->latent);
  predictor_apply(predictor, samples, job->guessed);
  ensemble_run(ensemble, samples, GROUP, job->guessed);
  predictor_destroy(&predictor);
  ensemble_destroy(&ensemble);
  decoder_destroy(&decoder);
}

static void *encode(void *context) {
  struct job *job = context;
  memory_attempt(work, job, &job->error);
  return NULL;
}

static void job_clear(struct job *job) {
  encoding_destroy(&job->first);
  encoding_destroy(&job->guessed);
}

static bool same(const struct encoding *a, const struct encoding *b) {
  return memcmp(a->z, b->z, SAMPLES * real_padded(LATENT) * sizeof *a->z) == 0 &&
         memcmp(a->loss, b->loss, SAMPLES * sizeof *a->loss) == 0 &&
         memcmp(a->evaluations, b->evaluations, SAMPLES * sizeof *a->evaluations) == 0 &&
         memcmp(a->status, b->status, SAMPLES * sizeof *a->status) == 0;
}

// Two threads with different solvers, so that they are not in step.
static void two_threads(const struct given *g, const struct solver_options options[2]) {
  struct job alone[2], both[2];
  for (int k = 0; k < 2; k++) {
    alone[k] = (struct job){.given = g, .options = options[k], .latent = LATENT};
    encode(&alone[k]);
    CHECK(!error_is_set(&alone[k].error), "alone: %s", alone[k].error.text);
    CHECK(alone[k].guessed->loss[0] < 1.0 && alone[k].guessed->evaluations[0] > 1,
          "flows have moved: loss %g", alone[k].guessed->loss[0]);
  }
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    pthread_t threads[2];
    for (int k = 0; k < 2; k++) {
      both[k] = (struct job){.given = g, .options = options[k], .latent = LATENT};
      pthread_create(&threads[k], NULL, encode, &both[k]);
    }
    for (int k = 0; k < 2; k++) pthread_join(threads[k], NULL);
    for (int k = 0; k < 2; k++) {
      CHECK(!error_is_set(&both[k].error), "%s", both[k].error.text);
      CHECK(same(alone[k].first, both[k].first) && same(alone[k].guessed, both[k].guessed),
            "%s: other bits beside another thread", solver_name(options[k].solver));
      job_clear(&both[k]);
    }
  }
  for (int k = 0; k < 2; k++) job_clear(&alone[k]);
}

// One thread wants what no machine has; the other one does not notice.
static void no_memory(const struct given *g, const struct solver_options *options) {
  struct job greedy = {.given = g, .options = *options, .latent = (size_t)1 << 56};
  struct job modest = {.given = g, .options = *options, .latent = LATENT};
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, encode, &greedy);
  pthread_create(&threads[1], NULL, encode, &modest);
  for (int k = 0; k < 2; k++) pthread_join(threads[k], NULL);
  CHECK(strstr(greedy.error.text, "out of memory") != NULL, "greedy: '%s'", greedy.error.text);
  CHECK(!error_is_set(&modest.error) && modest.first->loss[0] > 0.0, "%s", modest.error.text);
  job_clear(&modest);

  // Room for solver states that there is not: found when the ensemble begins.
  struct job late = {.given = g, .options = *options, .latent = LATENT};
  late.options.solver = SOLVER_LBFGS;
  late.options.memory = (int64_t)1 << 50;
  encode(&late);
  CHECK(strstr(late.error.text, "out of memory") != NULL, "late: '%s'", late.error.text);
}

int main(void) {
  struct given g = given_create();
  const struct solver_options options[] = {
      {.solver = SOLVER_LBFGS, .alpha = 1, .tolerance = 1e-6, .max_iterations = 60, .memory = 10},
      {.solver = SOLVER_AMD,
       .time = TIME_SUM,
       .coupling = COUPLING_BATCH,
       .alpha = 1,
       .tau = 1e4,
       .tolerance = 1e-5,
       .max_iterations = 100,
       .h0 = 1,
       .h_min = 0.1,
       .h_max = 30,
       .growth = 1.5,
       .shrink = 0.5,
       .armijo = 1e-5,
       .max_reductions = 20}};
  two_threads(&g, options);
  no_memory(&g, &options[0]);
  given_free(&g);
  return test_summary();
}
