// What flows leave behind: the gradient of theta from their last passes has the bits of one that
// passes all samples through the decoder again, wherever flows and tiles are; and a flow that
// reuses its curvature continues as if it had never ended.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/batch_gradient.h"
#include "engine/carry.h"
#include "engine/ensemble.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/comm.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { SAMPLES = 23, LATENT = 3, SIDE = 4, ENTRIES = SIDE * SIDE, TILE = 4, ROWS = 10 };

struct problem {
  struct comm *comm;
  struct decoder *decoder;
  struct solver_options options;
  struct dataset *data;
  struct sample_order *order;
  int64_t *costs;  // by which flows are spread
  real *latents;
};

// A decoder with fields, branches and flat layers.
static struct decoder *make_decoder(void) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_ELU},
      {.kind = LAYER_RESHAPE, .sizes = {3, {1, SIDE, SIDE}}},
      {.kind = LAYER_CONV,
       .width = 2,
       .kernel = {1, {3}},
       .stride = {1, {1}},
       .padding = {1, {1}},
       .activation = ACTIVATION_SILU},
      {.kind = LAYER_CONV, .width = 1, .kernel = {1, {1}}, .stride = {1, {1}}, .padding = {1, {0}}},
      {.kind = LAYER_RESIDUAL, .branch = {2, 0}, .activation = ACTIVATION_IDENTITY}};
  struct error error = {""};
  const size_t count = sizeof specs / sizeof *specs;
  CHECK(network_check(LATENT, count, specs, &error) == count, "%s", error.text);
  struct decoder *decoder = decoder_create(LATENT, count, specs, LOSS_MSE);
  decoder_initialise(decoder, 5);
  for (size_t i = 0; i < decoder->count; i++) decoder->theta[i] *= 2;
  decoder_pack(decoder);
  return decoder;
}

static struct problem problem_create(struct comm *comm) {
  struct problem p = {.comm = comm,
                      .decoder = make_decoder(),
                      .options = {.solver = SOLVER_LBFGS,
                                  .alpha = 1.0,
                                  .tolerance = 1e-4,
                                  .max_iterations = 6,
                                  .memory = 5}};
  p.data = random_data(comm, SAMPLES, ENTRIES, 7);
  p.order = sample_order_shuffled(p.data, 1, 2);
  p.latents = memory_new(real, (size_t)p.data->local_count * real_padded(LATENT));
  p.costs = memory_new(int64_t, p.data->local_count);
  for (int64_t i = 0; i < p.data->local_count; i++) p.costs[i] = (p.data->local_first + i) % 7 * 9;
  return p;
}

static void problem_destroy(struct problem *p) {
  sample_order_destroy(&p->order);
  dataset_destroy(&p->data);
  decoder_destroy(&p->decoder);
  memory_free(&p->latents);
  memory_free(&p->costs);
}

static struct shard *gather(const struct problem *p) {
  const struct shard_batch batch = {.size = SAMPLES, .tile = TILE, .evaluations = p->costs};
  return shard_gather(p->comm, p->order, &batch, LATENT, p->latents);
}

static int64_t passes_left(const struct carry *carry, int64_t count) {
  int64_t left = 0;
  for (int64_t i = 0; i < count; i++) left += carry_pass(carry, i) != NULL;
  return left;
}

static real *gradient(const struct problem *p, struct shard *shard, struct carry *carry) {
  struct batch_gradient *batch =
      batch_gradient_create(p->comm, p->decoder, ROWS, TILE, ADJOINT_NONE, &p->options);
  real *found = memory_new(real, p->decoder->count);
  struct batch_totals totals = {.loss = 0.0};
  shard->encoding->carry = carry;
  CHECK(batch_gradient_compute(batch, shard, &totals, found), "the gradient is finite");
  batch_gradient_destroy(&batch);
  return found;
}

static void test_gradient(const struct problem *p) {
  struct shard *shard = gather(p);
  const int64_t flows = shard->samples.count;
  struct carry *carry = carry_create(p->decoder, &p->options, false, true);
  struct ensemble *ensemble = ensemble_create(NULL, p->decoder, &p->options, ROWS);
  ensemble_leave_passes(ensemble);
  carry_begin(carry, flows);
  shard->encoding->carry = carry;
  ensemble_run(ensemble, &shard->samples, 1, shard->encoding);
  CHECK(2 * passes_left(carry, flows) >= flows, "%lld of %lld flows left a pass",
        (long long)passes_left(carry, flows), (long long)flows);
  if (flows > 0) carry->left[0] = false;  // also where they do not
  real *reused = gradient(p, shard, carry), *again = gradient(p, shard, NULL);
  double largest = 0.0;
  for (size_t i = 0; i < p->decoder->count; i++) largest = fmax(largest, fabs((double)again[i]));
  CHECK(largest > 0.0 && memcmp(reused, again, p->decoder->count * sizeof *again) == 0,
        "the gradient from the passes left behind should have the bits of the other");
  memory_free(&reused);
  memory_free(&again);
  ensemble_destroy(&ensemble);
  carry_destroy(&carry);
  shard_destroy(&shard);
}

// 2 + 4 steps against 6, which cost one evaluation less.
static void test_curvature(const struct problem *p) {
  struct solver_options options = p->options;
  options.tolerance = 0.0;
  struct shard *whole = gather(p), *parts = gather(p), *fresh = gather(p);
  struct carry *carry = carry_create(p->decoder, &options, true, true);
  struct ensemble *ensemble = ensemble_create(NULL, p->decoder, &options, ROWS);
  ensemble_leave_passes(ensemble);
  ensemble_run(ensemble, &whole->samples, 1, whole->encoding);
  carry_begin(carry, parts->samples.count);
  parts->encoding->carry = carry;
  carry->iterations = 2;
  ensemble_run(ensemble, &parts->samples, 1, parts->encoding);
  memcpy(fresh->encoding->z, parts->encoding->z,
         (size_t)parts->samples.count * real_padded(LATENT) * sizeof(real));
  int64_t before = 0, wrong = 0, same = 0;
  for (int64_t i = 0; i < parts->samples.count; i++) before += parts->encoding->evaluations[i];
  carry->iterations = 4;
  ensemble_run(ensemble, &parts->samples, 1, parts->encoding);
  carry_begin(carry, parts->samples.count);  // what was learned is forgotten
  fresh->encoding->carry = carry;
  ensemble_run(ensemble, &fresh->samples, 1, fresh->encoding);
  const size_t bytes = real_padded(LATENT) * sizeof(real);
  int64_t evaluations = 0;
  for (int64_t i = 0; i < parts->samples.count; i++) {
    const size_t at = (size_t)i * real_padded(LATENT);
    wrong += memcmp(parts->encoding->z + at, whole->encoding->z + at, bytes) != 0;
    same += memcmp(fresh->encoding->z + at, whole->encoding->z + at, bytes) == 0;
    evaluations += parts->encoding->evaluations[i] - whole->encoding->evaluations[i];
  }
  CHECK(wrong == 0, "%lld flows in two parts end elsewhere", (long long)wrong);
  CHECK(evaluations + before == parts->samples.count, "a part costs one evaluation more");
  CHECK(parts->samples.count == 0 || same < parts->samples.count, "curvature should matter");
  ensemble_destroy(&ensemble);
  carry_destroy(&carry);
  shard_destroy(&whole);
  shard_destroy(&parts);
  shard_destroy(&fresh);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  struct problem p = problem_create(comm);
  test_gradient(&p);
  test_curvature(&p);
  problem_destroy(&p);
  return mpi_test_summary(&comm);
}
