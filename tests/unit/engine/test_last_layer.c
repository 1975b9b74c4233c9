// Newton steps of the last layer: with mse one step ends at the minimum, whatever the ranks and
// tiles, also where the output is a sum of layers; no step raises the loss, with bce, weights or
// damping; and with many steps the gradient vanishes.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/last_layer.h"
#include "engine/shard.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/reduction.h"
#include "platform/comm.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { SAMPLES = 41, LATENT = 3, HIDDEN = 9, ENTRIES = 21, TILE = 4, ROWS = 10 };

struct problem {
  struct run run;
  struct dataset *data;
  struct sample_order *order;
  struct shard *shard;
};

// A hidden layer and a last one; `branch`: beside them a linear one.
static struct decoder *make_decoder(enum loss_kind loss, bool branch) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = HIDDEN, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY},
      {.kind = LAYER_RESIDUAL, .branch = {2, 1}, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, branch ? 4 : 2, specs, loss);
  decoder_initialise(decoder, 5);
  return decoder;
}

static struct problem problem_create(struct comm *comm, enum loss_kind loss, bool branch,
                                     bool weights) {
  struct problem p = {.run = {.comm = comm, .tile = TILE, .training_rows = ROWS}};
  p.run.decoder = make_decoder(loss, branch);
  p.run.config.training.last_layer_steps = 1;
  p.run.config.training.last_layer_damping = 1e-9;
  p.data = random_data(comm, SAMPLES, ENTRIES, 7);
  const size_t n = real_padded(ENTRIES), d = real_padded(LATENT);
  if (weights) p.data->w = memory_new(real, (size_t)p.data->local_count * n);
  for (int64_t i = 0; i < p.data->local_count && weights; i++) {
    p.data->weight_sum[i] = 0.0;
    for (size_t j = 0; j < ENTRIES; j++) {
      const real w = (real)(((size_t)(p.data->local_first + i) + j) % 3);
      p.data->w[(size_t)i * n + j] = w;
      p.data->weight_sum[i] += (double)w;
    }
  }
  real *z = memory_new(real, (size_t)p.data->local_count * d);
  for (int64_t i = 0; i < p.data->local_count; i++)
    for (size_t k = 0; k < LATENT; k++)
      z[(size_t)i * d + k] =
          (real)(4.0 * rng_uniform(3, RNG_TEST, (uint64_t)(p.data->local_first + i), k) - 2.0);
  p.order = sample_order_shuffled(p.data, 1, 2);
  const struct shard_batch batch = {.size = SAMPLES, .tile = TILE};
  p.shard = shard_gather(comm, p.order, &batch, LATENT, z);
  shard_deliver(p.shard);
  memory_free(&z);
  return p;
}

static void problem_destroy(struct problem *p) {
  shard_destroy(&p->shard);
  sample_order_destroy(&p->order);
  dataset_destroy(&p->data);
  decoder_destroy(&p->run.decoder);
}

// The mean loss of the batch. Collective.
static double mean_loss(const struct problem *p) {
  double *loss = memory_new(double, p->shard->samples.count);
  samples_losses(&p->shard->samples, p->run.decoder, ROWS, p->shard->samples.count, NULL,
                 p->shard->encoding->z, loss);
  const double sum = reduction_sum(comm_ranks(p->run.comm), loss, (size_t)p->shard->samples.count);
  memory_free(&loss);
  return sum / SAMPLES;
}

static void advance(struct problem *p, double fraction) {
  struct last_layer *last = last_layer_create(&p->run);
  CHECK(last_layer_advance(last, p->shard, fraction), "the sums are finite");
  last_layer_destroy(&last);
}

// One step to the minimum: the next one changes nothing, and no change of a weight lowers the loss.
static void test_minimum(struct comm *comm, bool branch) {
  struct problem p = problem_create(comm, LOSS_MSE, branch, false);
  const double before = mean_loss(&p);
  advance(&p, 1.0);
  const double after = mean_loss(&p);
  CHECK(after < 0.9 * before, "the loss falls from %g to %g", before, after);
  advance(&p, 1.0);
  const double tiny = sizeof(real) == 4 ? 1e-5 : 1e-8;
  CHECK(fabs(mean_loss(&p) - after) < tiny * after, "it is the minimum");
  struct decoder *decoder = p.run.decoder;
  const struct layer *layer[2];
  CHECK(network_output_layers(decoder->network, (const struct layer **)layer) == (branch ? 2 : 1),
        "terms of the output");
  for (size_t i = 0; i < 40; i++) {
    const struct layer *term = layer[branch ? i % 2 : 0];
    const size_t at = term->weight + i * 4 % term->weight_count;
    decoder->theta[at] += (real)(i % 4 < 2 ? 0.1 : -0.1);
    decoder_pack(decoder);
    CHECK(mean_loss(&p) > after * (1.0 - tiny), "weight %zu could be better", at);
    decoder->theta[at] -= (real)(i % 4 < 2 ? 0.1 : -0.1);
  }
  problem_destroy(&p);
}

// Losses fall step by step, towards the minimum that many steps reach.
static void test_descent(struct comm *comm, enum loss_kind loss, bool weights, double damping,
                         double fraction) {
  struct problem p = problem_create(comm, loss, false, weights);
  p.run.config.training.last_layer_damping = damping;
  double last = mean_loss(&p), first = last;
  for (int k = 0; k < 30; k++) {
    advance(&p, fraction);
    const double next = mean_loss(&p);
    CHECK(next < last + 1e-6 * first, "step %d: from %.9g to %.9g", k, last, next);
    last = next;
  }
  p.run.config.training.last_layer_steps = 200;
  advance(&p, 1.0);
  const double end = mean_loss(&p);
  CHECK(end <= last + 1e-6 * first && last - end < 0.2 * (first - end),
        "30 steps from %g to %g, then %g", first, last, end);
  problem_destroy(&p);
}

// The decoder before the steps comes back, with its packed weights.
static void test_undo(struct comm *comm) {
  struct problem p = problem_create(comm, LOSS_MSE, true, false);
  struct decoder *decoder = p.run.decoder;
  const size_t bytes = decoder->count * sizeof(real);
  real *before = memory_new(real, decoder->count);
  memcpy(before, decoder->theta, bytes);
  const double loss = mean_loss(&p);
  struct last_layer *last = last_layer_create(&p.run);
  CHECK(last_layer_advance(last, p.shard, 1.0), "the sums are finite");
  CHECK(memcmp(before, decoder->theta, bytes) != 0 && mean_loss(&p) < loss, "a step was taken");
  last_layer_undo(last);
  CHECK(memcmp(before, decoder->theta, bytes) == 0 && mean_loss(&p) == loss, "it was undone");
  last_layer_destroy(&last);
  memory_free(&before);
  problem_destroy(&p);
}

// A step and its state are the same on any number of ranks: checksums are compared by run_ranks.py.
static void test_bits(struct comm *comm) {
  struct problem p = problem_create(comm, LOSS_BCE, true, true);
  p.run.config.training.last_layer_steps = 3;
  p.run.config.training.last_layer_damping = 0.1;
  advance(&p, 0.7);
  mpi_test_same_bits(comm, "theta", p.run.decoder->theta, p.run.decoder->count * sizeof(real));
  problem_destroy(&p);
}

static void test_refused(struct comm *comm) {
  const struct layer_spec tanh_last = {
      .kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_TANH};
  struct run run = {.comm = comm, .decoder = decoder_create(LATENT, 1, &tanh_last, LOSS_MSE)};
  struct error error = {""};
  run.config.run.task[TASK_TRAIN] = true;
  CHECK(last_layer_check(&run, &error), "nothing is wanted of it");
  run.config.training.last_layer_steps = 1;
  CHECK(!last_layer_check(&run, &error) && strstr(error.text, "no activation") != NULL, "%s",
        error.text);
  decoder_destroy(&run.decoder);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  test_minimum(comm, false);
  test_minimum(comm, true);
  test_descent(comm, LOSS_BCE, false, 1e-9, 1.0);
  test_descent(comm, LOSS_BCE, true, 1e-9, 1.0);
  test_descent(comm, LOSS_MSE, true, 0.1, 1.0);
  test_descent(comm, LOSS_BCE, false, 0.1, 0.5);
  test_undo(comm);
  test_bits(comm);
  test_refused(comm);
  return mpi_test_summary(&comm);
}
