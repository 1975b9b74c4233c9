// How close the ensemble of flows comes to the matrix products it consists of: flops of the
// gradient evaluations reported, as a share of SGEMM of 2048 x 2048 matrices, measured in turn in
// one process, in CPU seconds. With thousands of samples at hand, and in batches as in training.
//
// usage: bench_ensemble input.yaml [rounds]   with task encode, decoder.file and data.encode
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/setup.h"
#include "decoder/objective.h"
#include "engine/evaluation.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "input/config_read.h"
#include "bench/blas.h"
#include "platform/comm.h"

enum { ROUNDS = 7, SIZE = 2048, BATCHED = 1000 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

// GFLOP/s of one product of square matrices.
static double sgemm(real *a, real *b, real *c) {
  const double begun = clock_cpu_seconds();
  blas_gemm(false, true, SIZE, SIZE, SIZE, a, SIZE, b, SIZE, 0, c, SIZE);
  return 2e-9 * SIZE * SIZE * SIZE / (clock_cpu_seconds() - begun);
}

// What encoding the set has taken.
struct encoded {
  double samples_per_second, evaluations, loss;  // evaluations and loss: mean of a sample
};

// GFLOP/s of encoding the set, padding not counted.
static double encode(struct run *run, struct encoded *found) {
  const double begun = clock_cpu_seconds();
  struct evaluation *evaluation = evaluation_create(run, SET_ENCODE);
  while (evaluation_advance(evaluation, INFINITY)) continue;
  const double seconds = clock_cpu_seconds() - begun;
  const double evaluations = (double)evaluation->tally.evaluations;
  const double samples = (double)evaluation->tally.samples;
  *found = (struct encoded){samples / seconds, evaluations / samples, evaluation->loss};
  evaluation_destroy(&evaluation);
  return 1e-9 * evaluations * network_flops(run->decoder->network) / seconds;
}

// GFLOP/s of encoding the set's first samples as `encoding` says, batch by batch.
static double encode_batches(struct run *run) {
  const struct dataset *data = run->sets[SET_ENCODE];
  const int64_t batch = run->config.training.batch;
  const int64_t count = data->local_count < BATCHED ? data->local_count : BATCHED;
  const double begun = clock_cpu_seconds();
  struct ensemble *ensemble = ensemble_create(comm_ranks(run->comm), run->decoder,
                                              &run->config.encoding, run->training_rows);
  double evaluations = 0.0;
  for (int64_t first = 0; first + batch <= count; first += batch) {
    const struct samples samples = {.count = batch,
                                    .total = batch,
                                    .y = data->y + (size_t)first * data->stride,
                                    .weight_sum = data->weight_sum + first};
    struct encoding *encoding = encoding_create(batch, run->decoder->d);
    ensemble_run(ensemble, &samples, batch, encoding);
    for (int64_t i = 0; i < batch; i++) evaluations += (double)encoding->evaluations[i];
    encoding_destroy(&encoding);
  }
  ensemble_destroy(&ensemble);
  const double seconds = clock_cpu_seconds() - begun;
  return 1e-9 * evaluations * network_flops(run->decoder->network) / seconds;
}

// GFLOP/s of gradient evaluations alone, in full products of `rows` rows.
static double evaluate(struct run *run, size_t rows) {
  enum { REPEATS = 20 };
  const struct dataset *data = run->sets[SET_ENCODE];
  struct objective *objective = objective_create(run->decoder, rows);
  struct objective_row *samples = memory_new(struct objective_row, rows);
  double *loss = memory_new(double, rows);
  for (size_t i = 0; i < rows; i++) {
    const size_t s = i % (size_t)data->local_count;
    samples[i] = (struct objective_row){data->y + s * data->stride, NULL, data->weight_sum[s]};
  }
  const double begun = clock_cpu_seconds();
  for (int i = 0; i < REPEATS; i++) objective_evaluate(objective, rows, samples, loss);
  const double seconds = clock_cpu_seconds() - begun;
  objective_destroy(&objective);
  memory_free(&samples);
  memory_free(&loss);
  return 1e-9 * REPEATS * (double)rows * network_flops(run->decoder->network) / seconds;
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  blas_start();
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  const int given = argc > 2 ? atoi(argv[2]) : ROUNDS;
  const int rounds = given >= 1 && given < ROUNDS ? given : ROUNDS;
  if (argc < 2)
    error_set(&error, "usage: bench_ensemble input.yaml [rounds]");
  else
    config_read(config, argv[1], NULL, 0, &error);
  comm_settle(comm, &error);
  struct run *run = setup_prepare(comm, config);
  setup_load(run);

  real *a = memory_new(real, SIZE * SIZE), *b = memory_new(real, SIZE * SIZE);
  real *c = memory_new(real, SIZE * SIZE);
  for (size_t i = 0; i < SIZE * SIZE; i++) a[i] = b[i] = (real)(i % 17) / 17;
  const size_t rows = run->evaluation_rows;
  double product[ROUNDS], ensemble[ROUNDS], batches[ROUNDS], evaluation[ROUNDS], rate[ROUNDS];
  double share[ROUNDS], batches_share[ROUNDS];
  struct encoded found = {0};
  sgemm(a, b, c);
  for (int i = 0; i < rounds; i++) {
    product[i] = sgemm(a, b, c);
    ensemble[i] = encode(run, &found);
    batches[i] = encode_batches(run);
    evaluation[i] = evaluate(run, rows);
    rate[i] = found.samples_per_second;
    share[i] = ensemble[i] / product[i];
    batches_share[i] = batches[i] / product[i];
  }
  printf("| kernel | %s |\n", blas_kernel());
  printf("| SGEMM 2048^3, GFLOP/s | %.1f |\n", median(product, rounds));
  printf("| ensemble, GFLOP/s | %.1f |\n", median(ensemble, rounds));
  printf("| ensemble / SGEMM | %.3f |\n", median(share, rounds));
  printf("| batches of %lld, GFLOP/s | %.1f |\n", (long long)run->config.training.batch,
         median(batches, rounds));
  printf("| batches / SGEMM | %.3f |\n", median(batches_share, rounds));
  printf("| gradient evaluations alone, GFLOP/s | %.1f |\n", median(evaluation, rounds));
  printf("| gradient evaluations alone, us per sample | %.1f |\n",
         1e-3 * network_flops(run->decoder->network) / median(evaluation, rounds));
  printf("| ensemble, samples per second | %.0f |\n", median(rate, rounds));
  printf("| ensemble, evaluations per sample | %.2f |\n", found.evaluations);
  printf("| ensemble, mean loss | %.6f |\n", found.loss);

  memory_free(&a);
  memory_free(&b);
  memory_free(&c);
  memory_free(&config);
  run_destroy(&run);
  comm_finish(&comm);
  return 0;
}
