// A latent depends on its sample alone: not on other samples, ranks, or the order of arrival.
#include <string.h>

#include "data/dataset.h"
#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/ensemble.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/comm.h"
#include "support/mpi_test.h"

enum { SAMPLES = 101, LATENT = 4, ENTRIES = 50, ROWS = 48 };

struct fixture {
  struct comm *comm;
  struct decoder *decoder;
  real *y;
  double *weight_sum;
};

static struct fixture fixture_create(struct comm *comm) {
  struct fixture f = {.comm = comm};
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 30, .activation = ACTIVATION_ELU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  f.decoder = decoder_create(LATENT, 2, specs, LOSS_BCE);
  decoder_initialise(f.decoder, 3);
  for (size_t i = 0; i < f.decoder->count; i++) f.decoder->theta[i] *= 3;
  decoder_pack(f.decoder);
  f.y = memory_new(real, SAMPLES * real_padded(ENTRIES));
  f.weight_sum = memory_new(double, SAMPLES);
  for (uint64_t s = 0; s < SAMPLES; s++) {
    f.weight_sum[s] = ENTRIES;
    for (uint64_t i = 0; i < ENTRIES; i++)
      f.y[s * real_padded(ENTRIES) + i] = (real)rng_uniform(9, RNG_TEST, s, i / 10);
  }
  return f;
}

static void fixture_destroy(struct fixture *f) {
  decoder_destroy(&f->decoder);
  memory_free(&f->y);
  memory_free(&f->weight_sum);
}

// Encodes samples first ... first + count - 1, in whatever order `positions` (NULL: that order)
// says.
static struct encoding *encode(const struct fixture *f, const struct solver_options *options,
                               int64_t first, int64_t count, const int64_t *positions) {
  const size_t stride = real_padded(ENTRIES);
  struct ensemble *ensemble = ensemble_create(comm_ranks(f->comm), f->decoder, options, ROWS);
  struct encoding *encoding = encoding_create(count, LATENT);
  real *y = memory_new(real, (size_t)count * stride);
  for (int64_t i = 0; i < count; i++)
    memcpy(y + (size_t)i * stride,
           f->y + (size_t)(positions == NULL ? first + i : positions[i]) * stride,
           stride * sizeof *y);
  const struct samples samples = {.count = count,
                                  .y = y,
                                  .weight_sum = f->weight_sum,
                                  .position = positions,
                                  .position_first = first,
                                  .total = SAMPLES};
  ensemble_run(ensemble, &samples, 20, encoding);
  ensemble_destroy(&ensemble);
  memory_free(&y);
  return encoding;
}

static bool same(const struct encoding *a, int64_t i, const struct encoding *b, int64_t j) {
  const size_t stride = real_padded(LATENT);
  return memcmp(a->z + (size_t)i * stride, b->z + (size_t)j * stride, stride * sizeof *a->z) == 0 &&
         memcmp(&a->loss[i], &b->loss[j], sizeof *a->loss) == 0 &&
         a->evaluations[i] == b->evaluations[j] && a->status[i] == b->status[j];
}

static void independence(const struct fixture *f, const struct solver_options *options) {
  struct encoding *all = encode(f, options, 0, SAMPLES, NULL);
  const char *name = solver_name(options->solver);
  struct solver_options staying = *options;
  staying.max_iterations = 0;
  struct encoding *start = encode(f, &staying, 0, SAMPLES, NULL);
  int64_t risen = 0;
  for (int64_t i = 0; i < SAMPLES; i++) risen += !(all->loss[i] < start->loss[i]);
  CHECK(risen == 0, "%s: %lld losses did not fall", name, (long long)risen);
  encoding_destroy(&start);

  for (int64_t i = 0; i < SAMPLES; i += 7) {
    struct encoding *alone = encode(f, options, i, 1, NULL);
    CHECK(same(all, i, alone, 0), "%s: sample %lld alone differs", name, (long long)i);
    encoding_destroy(&alone);
  }
  int64_t shuffled[SAMPLES];
  for (int64_t i = 0; i < SAMPLES; i++) shuffled[i] = rng_permute(4, 0, SAMPLES, i);
  struct encoding *other = encode(f, options, 0, SAMPLES, shuffled);
  int64_t differing = 0;
  for (int64_t i = 0; i < SAMPLES; i++) differing += !same(all, shuffled[i], other, i);
  CHECK(differing == 0, "%s: %lld samples differ in another order", name, (long long)differing);
  mpi_test_same_bits(f->comm, name, all->z, SAMPLES * real_padded(LATENT) * sizeof(real));
  encoding_destroy(&all);
  encoding_destroy(&other);
}

// In slices, and with samples that are encoded already: these are left alone, the others get the
// bits of the whole. `group`: samples that must be left or taken together.
static void resuming(const struct fixture *f, const struct solver_options *options, int64_t group) {
  enum { MARK = 12345 };
  struct comm *comm = f->comm;
  const bool coupled = options->coupling == COUPLING_BATCH;
  const int64_t first = coupled ? comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm)) : 0;
  const int64_t end =
      coupled ? comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm) + 1) : SAMPLES;
  struct encoding *whole = encode(f, options, first, end - first, NULL);
  struct encoding *rest = encoding_create(end - first, LATENT);
  for (int64_t i = 0; i < end - first; i++) {
    if ((first + i) / group % 3 == 1) continue;
    rest->status[i] = STATUS_TAU;
    rest->evaluations[i] = MARK;
  }
  const struct samples samples = {.count = end - first,
                                  .y = f->y + (size_t)first * real_padded(ENTRIES),
                                  .weight_sum = f->weight_sum,
                                  .position_first = first,
                                  .total = SAMPLES};
  struct ensemble *ensemble = ensemble_create(comm_ranks(comm), f->decoder, options, ROWS);
  ensemble_begin(ensemble, &samples, group, rest);
  int64_t pieces = 0;
  for (; ensemble_advance(ensemble, 1e-9); pieces++) {
  }
  ensemble_destroy(&ensemble);
  int64_t touched = 0, differing = 0;
  for (int64_t i = 0; i < end - first; i++) {
    const bool taken = (first + i) / group % 3 == 1;
    touched += !taken && (rest->evaluations[i] != MARK || rest->status[i] != STATUS_TAU);
    differing += taken && !same(whole, i, rest, i);
  }
  const char *name = solver_name(options->solver);
  CHECK(touched == 0, "%s: %lld samples were encoded again", name, (long long)touched);
  CHECK(differing == 0, "%s: %lld samples differ", name, (long long)differing);
  CHECK(pieces > 0, "%s: all at once", name);
  encoding_destroy(&whole);
  encoding_destroy(&rest);
}

// The shared step of a group: its samples lie on different ranks, and the ranks must not matter.
static void coupling(const struct fixture *f, struct solver_options options) {
  options.coupling = COUPLING_BATCH;
  struct comm *comm = f->comm;
  const int64_t first = comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm));
  const int64_t count = comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm) + 1) - first;
  struct encoding *mine = encode(f, &options, first, count, NULL);
  int64_t sums[2] = {0, 0};  // integers made of the bits, so that rank 0 can speak for all
  for (int64_t i = 0; i < count; i++) {
    uint64_t bits;
    memcpy(&bits, &mine->loss[i], sizeof bits);
    sums[0] += (int64_t)(bits >> 8);
    sums[1] += mine->iterations[i];
    CHECK(i == 0 || (first + i) % 20 == 0 || mine->iterations[i] == mine->iterations[i - 1],
          "samples of a group take the same steps");
  }
  comm_sum_int64(comm, sums, 2);
  CHECK(sums[1] > SAMPLES, "the groups took %lld steps", (long long)sums[1]);
  mpi_test_same_bits(comm, "coupled", sums, sizeof sums);
  encoding_destroy(&mine);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  struct fixture f = fixture_create(comm);
  const struct solver_options lbfgs = {
      .solver = SOLVER_LBFGS, .alpha = 1, .tolerance = 1e-6, .max_iterations = 60, .memory = 10};
  const struct solver_options amd = {.solver = SOLVER_AMD,
                                     .time = TIME_SUM,
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
                                     .max_reductions = 20};
  independence(&f, &lbfgs);
  independence(&f, &amd);
  coupling(&f, amd);
  resuming(&f, &lbfgs, 1);
  struct solver_options coupled = amd;
  coupled.coupling = COUPLING_BATCH;
  resuming(&f, &coupled, 20);
  fixture_destroy(&f);
  return mpi_test_summary(&comm);
}
