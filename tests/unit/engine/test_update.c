// The update of the parameters: updating each rank's share gives the bits of updating the whole on
// every rank, for each optimiser and any number of ranks, with less memory; GFE_UPDATE chooses.
#include <stdlib.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/update.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"

enum { LATENT = 3, STEPS = 4 };

static struct decoder *make_decoder(void) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 21, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = 37, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, 2, specs, LOSS_MSE);
  decoder_initialise(decoder, 5);
  return decoder;
}

static struct run make_run(struct comm *comm, int kind) {
  struct run run = {.comm = comm, .decoder = make_decoder()};
  run.config.training.optimiser = (struct optimiser_options){
      .kind = kind, .beta1 = 0.9, .beta2 = 0.999, .decay = 0.9, .momentum = 0.8};
  return run;
}

// Takes some steps, each against a gradient of random numbers, of which a rank is given its share.
static void take_steps(struct run *run) {
  const size_t count = run->decoder->count;
  const struct comm_share share =
      run->shares_update ? comm_share(run->comm, count) : (struct comm_share){0, count};
  struct update *update = update_create(run);
  for (uint64_t step = 0; step < STEPS; step++) {
    real *gradient = update_gradient(update);
    for (size_t i = 0; i < share.count; i++)
      gradient[i] = (real)(rng_uniform(9, RNG_TEST, step, share.first + i) - 0.5);
    update_apply(update, 0.01);
  }
  update_destroy(&update);
  CHECK(update == NULL, "the pointer is not cleared");
}

static void settle(struct run *run, const char *wanted, struct error *error) {
  if (wanted != NULL)
    setenv("GFE_UPDATE", wanted, 1);
  else
    unsetenv("GFE_UPDATE");
  update_settle(run, error);
}

static void test_bits(struct comm *comm, int kind) {
  struct run whole = make_run(comm, kind), shared = make_run(comm, kind);
  struct error error = {""};
  settle(&whole, "whole", &error);
  settle(&shared, "shared", &error);
  CHECK(error.text[0] == '\0', "%s", error.text);
  CHECK(!whole.shares_update, "whole: the ranks share the update");
  CHECK(shared.shares_update == (comm_size(comm) > 1), "shared: not on %d ranks", comm_size(comm));
  CHECK(comm_size(comm) == 1 || update_bytes(&shared) < update_bytes(&whole),
        "%s: a share takes %g bytes, the whole %g", optimiser_name(kind), update_bytes(&shared),
        update_bytes(&whole));
  const size_t bytes = whole.decoder->count * sizeof(real);
  real *initial = memory_new(real, whole.decoder->count);
  memcpy(initial, whole.decoder->theta, bytes);
  take_steps(&whole);
  take_steps(&shared);
  CHECK(memcmp(initial, whole.decoder->theta, bytes) != 0, "%s: no step", optimiser_name(kind));
  CHECK(memcmp(whole.decoder->theta, shared.decoder->theta, bytes) == 0,
        "%s: shared updates differ from whole ones", optimiser_name(kind));
  mpi_test_same_bits(comm, optimiser_name(kind), shared.decoder->theta, bytes);
  memory_free(&initial);
  decoder_destroy(&whole.decoder);
  decoder_destroy(&shared.decoder);
}

static void test_choice(struct comm *comm) {
  struct run run = make_run(comm, OPTIMISER_ADAM);
  struct error error = {""};
  settle(&run, NULL, &error);
  CHECK(!run.shares_update && error.text[0] == '\0', "a small decoder is not worth sharing");
  settle(&run, "half", &error);
  CHECK((strstr(error.text, "GFE_UPDATE = half") != NULL) == (comm_rank(comm) == 0),
        "GFE_UPDATE = half should be an error of rank 0: '%s'", error.text);
  decoder_destroy(&run.decoder);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  for (int kind = 0; optimiser_name(kind) != NULL; kind++) test_bits(comm, kind);
  test_choice(comm);
  return mpi_test_summary(&comm);
}
