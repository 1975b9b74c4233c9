// Second flows begin where another sample's latent is best for a sample, in every k-th pass, on any
// number of ranks. The decoder is x = z, so the best latent is the nearest one to the sample.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/second_flow.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"
#include "support/random_data.h"

enum { SAMPLES = 7, LATENT = 2, EVERY = 3 };

// Samples, where training has left their latents, and whose latent is the best of the others'. The
// first two are equal; the latent of the last is lost.
static const struct {
  real y[LATENT], z[LATENT];
  int best;
} points[SAMPLES] = {
    {{0, 0}, {0, 0}, 4},    // its own is best, and that of its equal next: |(1, 1)|^2 = 2
    {{0, 0}, {0, 0.5}, 4},  // not sample 0's
    {{3, 0}, {9, 9}, 5},    // (3, 1): a distance of 1
    {{9, 8}, {2, -2}, 2},   // (9, 9)
    {{1, 1}, {1, 1}, 1},    // (0, 0.5): 1.25, (0, 0): 2
    {{1, 2}, {3, 1}, 4},    // (1, 1)
    {{2, -2}, {NAN, 0}, 3}};

static struct run run;  // large, so not on the stack

static void make_run(struct comm *comm) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = LATENT, .activation = ACTIVATION_IDENTITY}};
  run.comm = comm;
  run.evaluation_rows = 4;
  run.config.run.model = MODEL_GFE;
  run.config.run.seed = 1;
  run.config.training.second_flow = EVERY;
  run.shapes[SET_TRAIN].count = SAMPLES;
  run.decoder = decoder_create(LATENT, 1, specs, LOSS_MSE);
  for (size_t k = 0; k < LATENT; k++)  // x = z
    run.decoder->theta[run.decoder->network->layers[0].weight + k * LATENT + k] = 1;
  decoder_pack(run.decoder);
  struct dataset *data = random_data(comm, SAMPLES, LATENT, 1);
  for (int64_t i = 0; i < data->local_count; i++)
    memcpy(data->y + (size_t)i * data->stride, points[data->local_first + i].y, sizeof points[0].y);
  run.sets[SET_TRAIN] = data;
}

static void unmake_run(void) {
  dataset_destroy(&run.sets[SET_TRAIN]);
  decoder_destroy(&run.decoder);
}

// This rank's latents, owned.
static real *make_latents(void) {
  const struct dataset *data = run.sets[SET_TRAIN];
  real *latents = memory_new(real, (size_t)data->local_count * real_padded(LATENT));
  for (int64_t i = 0; i < data->local_count; i++)
    memcpy(latents + (size_t)i * real_padded(LATENT), points[data->local_first + i].z,
           sizeof points[0].z);
  return latents;
}

static bool is_latent(const real *z, int sample) {
  return memcmp(z, points[sample].z, sizeof points[0].z) == 0;
}

static void check_starts(const real *starts) {
  const struct dataset *data = run.sets[SET_TRAIN];
  for (int64_t i = 0; i < data->local_count; i++) {
    const int sample = (int)(data->local_first + i), best = points[sample].best;
    const real *z = starts + (size_t)i * real_padded(LATENT);
    CHECK(is_latent(z, best), "sample %d begins at (%g, %g), not at the latent of %d", sample,
          (double)z[0], (double)z[1], best);
  }
}

static void test_passes(const real *latents) {
  struct second_flow *second = second_flow_create(&run);
  for (int64_t pass = 0; pass < 2 * EVERY; pass++) {
    second_flow_begin(second, pass, latents);
    const real *starts = second_flow_latents(second);
    CHECK((starts != NULL) == (pass % EVERY == EVERY - 1), "pass %lld", (long long)pass);
    if (starts != NULL) check_starts(starts);
  }
  second_flow_end(second);
  CHECK(second_flow_latents(second) == NULL, "a pass has ended");
  run.config.run.model = MODEL_AUTOENCODER;
  second_flow_begin(second, EVERY - 1, latents);
  CHECK(second_flow_latents(second) == NULL, "an autoencoder has no flows");
  run.config.run.model = MODEL_GFE;
  second_flow_destroy(&second);
}

// A state holds the starts only between the batches of a pass that has some.
static void test_state(const real *latents) {
  struct second_flow *second = second_flow_create(&run);
  const struct state_field samples = {.group = "training", .dimension = "sample"};
  static struct state before, within, resumed;
  second_flow_state(second, samples, &before);
  CHECK(before.count == 0, "no starts");
  second_flow_begin(second, EVERY - 1, latents);
  second_flow_state(second, samples, &within);
  CHECK(within.count == 1 && within.fields[0].data == second_flow_latents(second) &&
            within.fields[0].width == LATENT,
        "the starts are one field");
  second_flow_resume(second, EVERY - 1, 0);
  CHECK(second_flow_latents(second) == NULL, "before the first batch they are found anew");
  second_flow_resume(second, EVERY, 2);
  CHECK(second_flow_latents(second) == NULL, "this pass has none");
  second_flow_resume(second, EVERY - 1, 2);
  second_flow_state(second, samples, &resumed);
  CHECK(resumed.count == 1 && resumed.fields[0].data != NULL, "room for what is read");
  second_flow_destroy(&second);
}

// Both starts of every sample reach its flow, and the second one is used once.
static void test_take(const real *latents) {
  struct second_flow *second = second_flow_create(&run);
  second_flow_begin(second, EVERY - 1, latents);
  struct sample_order *order = sample_order_shuffled(run.sets[SET_TRAIN], 1, 2);
  const struct shard_batch batch = {
      .size = SAMPLES, .tile = 2, .second = second_flow_latents(second)};
  struct shard *shard = shard_gather(run.comm, order, &batch, LATENT, latents);
  struct starts *starts = second_flow_take(shard);
  for (int64_t i = 0; i < shard->samples.count; i++) {
    const int sample = (int)sample_order_at(order, shard->samples.position[i]);
    CHECK(starts->kind[2 * i] == START_TRAINED && starts->kind[2 * i + 1] == START_DICTIONARY,
          "the kinds of sample %d", sample);
    CHECK(is_latent(starts_latent(starts, LATENT, i, 0), sample) &&
              is_latent(starts_latent(starts, LATENT, i, 1), points[sample].best),
          "the starts of sample %d", sample);
  }
  CHECK(second_flow_take(shard) == NULL, "only the first of several updates has two flows");
  starts_destroy(&starts);
  shard_destroy(&shard);
  sample_order_destroy(&order);
  second_flow_destroy(&second);
}

// Where there is no other sample, a flow begins at its own latent.
static void test_alone(const real *latents) {
  struct dataset *data = run.sets[SET_TRAIN];
  const struct dataset whole = *data;
  data->count = run.shapes[SET_TRAIN].count = 1;
  data->local_count = whole.local_first == 0 && whole.local_count > 0;
  struct second_flow *second = second_flow_create(&run);
  second_flow_begin(second, EVERY - 1, latents);
  CHECK(data->local_count == 0 || is_latent(second_flow_latents(second), 0), "its own");
  second_flow_destroy(&second);
  *data = whole;
  run.shapes[SET_TRAIN].count = SAMPLES;
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  make_run(comm);
  real *latents = make_latents();
  test_passes(latents);
  test_state(latents);
  test_take(latents);
  test_alone(latents);
  memory_free(&latents);
  unmake_run();
  return mpi_test_summary(&comm);
}
