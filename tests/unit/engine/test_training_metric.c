// The metric of training flows: the inverse of the mean Gauss-Newton matrix at every (8 d)-th
// sample, in the order of training, with the same bits on any number of ranks and after a restart.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/curvature.h"
#include "engine/gauss_newton.h"
#include "engine/training_metric.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { LATENT = 2, ENTRIES = 12, INTERVAL = 8 * LATENT, SAMPLES = 5 * INTERVAL + 3, STRIDE = 16 };

static struct run run;  // large, so not on the stack

static void make_run(struct comm *comm) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 10, .activation = ACTIVATION_SILU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  run.comm = comm;
  run.training_rows = 4;
  run.config.run.model = MODEL_GFE;
  run.config.training.metric = true;
  run.config.training.batch = SAMPLES;
  run.decoder = decoder_create(LATENT, 2, specs, LOSS_MSE);
  decoder_initialise(run.decoder, 5);
  run.sets[SET_TRAIN] = random_data(comm, SAMPLES, ENTRIES, 1);
}

static void unmake_run(void) {
  dataset_destroy(&run.sets[SET_TRAIN]);
  decoder_destroy(&run.decoder);
}

static void latent_of(int64_t sample, real *z) {
  memset(z, 0, real_padded(LATENT) * sizeof *z);
  for (uint64_t k = 0; k < LATENT; k++)
    z[k] = (real)(2.0 * rng_uniform(3, RNG_TEST, (uint64_t)sample, k) - 1.0);
}

// A batch whose flows have ended, in the file's order; `lost`: the one whose flow has failed.
static struct shard *make_shard(const struct sample_order *order, int64_t lost) {
  const struct dataset *data = run.sets[SET_TRAIN];
  const struct shard_batch batch = {.size = SAMPLES, .tile = 4};
  real *latents = memory_new(real, (size_t)data->local_count * real_padded(LATENT));
  for (int64_t i = 0; i < data->local_count; i++)
    latent_of(data->local_first + i, latents + (size_t)i * real_padded(LATENT));
  struct shard *shard = shard_gather(run.comm, order, &batch, LATENT, latents);
  for (int64_t i = 0; i < shard->samples.count; i++)
    shard->encoding->loss[i] = samples_position(&shard->samples, i) == lost ? NAN : 1.0;
  memory_free(&latents);
  return shard;
}

// Samples first, first + step, ... below end, each with a weight in a mean.
struct part {
  int64_t first, step, end;
  double weight;
};

// The inverse of the mean over some parts.
static void expect(const struct part *parts, size_t count, real *metric) {
  struct gauss_newton *work = gauss_newton_create(run.decoder, 4);
  double sum[LATENT * LATENT] = {0}, weights = 0.0;
  for (size_t p = 0; p < count; p++)
    for (int64_t i = parts[p].first; i < parts[p].end; i += parts[p].step) {
      real z[STRIDE];
      double matrix[LATENT * LATENT] = {0};
      latent_of(i, z);
      gauss_newton_add(work, z, matrix);
      for (size_t k = 0; k < (size_t)LATENT * LATENT; k++) sum[k] += parts[p].weight * matrix[k];
      weights += parts[p].weight;
    }
  for (size_t k = 0; k < (size_t)LATENT * LATENT; k++) sum[k] /= weights;
  CHECK(curvature_invert(LATENT, sum, 1e-6, metric), "the expected metric exists");
  gauss_newton_destroy(&work);
}

static void check(const real *found, const struct part *parts, size_t count, const char *what) {
  real metric[LATENT * STRIDE] = {0};
  expect(parts, count, metric);
  CHECK(found != NULL, "%s: there is a metric", what);
  for (size_t i = 0; i < LATENT && found != NULL; i++)
    for (size_t k = 0; k < LATENT; k++) {
      const size_t at = i * real_padded(LATENT) + k;
      CHECK(fabs((double)found[at] - (double)metric[at]) < 1e-5 * fabs((double)metric[0]),
            "%s: element %zu, %zu is %.9g, not %.9g", what, i, k, (double)found[at],
            (double)metric[at]);
    }
}

static void test_mean(const struct sample_order *order) {
  struct shard *shard = make_shard(order, -1), *damaged = make_shard(order, INTERVAL);
  struct training_metric *metric = training_metric_create(&run);
  CHECK(training_metric_now(metric, 1) == NULL, "nothing is known at first");
  training_metric_add(metric, shard);
  CHECK(training_metric_now(metric, 0) == NULL, "flows of the first pass have none");
  const struct part first = {0, INTERVAL, SAMPLES, 1.0};
  check(training_metric_now(metric, 1), &first, 1, "one batch");

  // Six samples so far. The places go on: the next is number 96 of all, 13 of the second batch,
  // and there are five. Eleven in all, of which these five count 5 * 1.5 / 11 together.
  training_metric_add(metric, shard);
  const double share = 7.5 / 11.0;
  const struct part both[] = {{0, INTERVAL, SAMPLES, (1.0 - share) / 6.0},
                              {6 * INTERVAL - SAMPLES, INTERVAL, SAMPLES, share / 5.0}};
  check(training_metric_now(metric, 1), both, 2, "two batches");
  training_metric_destroy(&metric);

  metric = training_metric_create(&run);
  training_metric_add(metric, damaged);
  const struct part others[] = {{0, INTERVAL, 1, 1.0}, {2 * INTERVAL, INTERVAL, SAMPLES, 1.0}};
  check(training_metric_now(metric, 1), others, 2, "without the flow that failed");
  training_metric_destroy(&metric);
  shard_destroy(&shard);
  shard_destroy(&damaged);
}

// The bits of rank 0 are those of all; and those of a metric that continues from a state.
static void test_bits(const struct sample_order *order) {
  struct shard *shard = make_shard(order, -1);
  struct training_metric *metric = training_metric_create(&run);
  struct training_metric *resumed = training_metric_create(&run);
  training_metric_add(metric, shard);
  static struct state from, to;
  training_metric_state(metric, &from);
  training_metric_state(resumed, &to);
  CHECK(from.count == to.count && from.count > 0, "%zu fields", from.count);
  for (size_t k = 0; k < from.count; k++)
    memcpy(to.fields[k].data, from.fields[k].data,
           (size_t)from.fields[k].count * state_row_bytes(&from.fields[k]));
  training_metric_add(metric, shard);
  training_metric_add(resumed, shard);
  real bits[LATENT * STRIDE];
  const size_t bytes = LATENT * real_padded(LATENT) * sizeof(real);
  memcpy(bits, training_metric_now(metric, 1), bytes);
  CHECK(memcmp(bits, training_metric_now(resumed, 1), bytes) == 0, "after a restart");
  comm_broadcast(run.comm, bits, bytes, 0);
  CHECK(memcmp(bits, training_metric_now(metric, 1), bytes) == 0, "as on rank 0");
  training_metric_destroy(&metric);
  training_metric_destroy(&resumed);
  shard_destroy(&shard);
}

static void test_unwanted(const struct sample_order *order) {
  struct shard *shard = make_shard(order, -1);
  run.config.training.metric = false;
  struct training_metric *metric = training_metric_create(&run);
  CHECK(metric == NULL, "not wanted");
  training_metric_add(metric, shard);
  CHECK(training_metric_now(metric, 1) == NULL, "none");
  run.config.training.metric = true;
  shard_destroy(&shard);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  make_run(comm);
  struct sample_order *order = sample_order_in_file(run.sets[SET_TRAIN]);
  test_mean(order);
  test_bits(order);
  test_unwanted(order);
  sample_order_destroy(&order);
  unmake_run();
  return mpi_test_summary(&comm);
}
