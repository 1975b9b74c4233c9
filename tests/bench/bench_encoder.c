// How close the encoder comes to the matrix products it consists of: flops of the gradient
// evaluations reported, as a share of SGEMM of 2048 x 2048 matrices, measured in turn in one
// process.
//
// usage: bench_encoder input.yaml   with task encode, decoder.file and data.encode
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "blas.h"
#include "clock.h"
#include "comm.h"
#include "config.h"
#include "evaluation.h"
#include "memory.h"
#include "objective.h"
#include "run.h"

enum { ROUNDS = 7, SIZE = 2048 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, compare);
  return values[ROUNDS / 2];
}

// GFLOP/s of one product of square matrices.
static double sgemm(real *a, real *b, real *c) {
  const double begun = clock_seconds();
  blas_gemm(false, true, SIZE, SIZE, SIZE, a, SIZE, b, SIZE, 0, c, SIZE);
  return 2e-9 * SIZE * SIZE * SIZE / (clock_seconds() - begun);
}

// GFLOP/s of encoding the set, padding not counted.
static double encode(struct run *run, double *samples_per_second) {
  const double begun = clock_seconds();
  struct evaluation *evaluation = evaluation_create(run, SET_ENCODE);
  while (evaluation_advance(evaluation, INFINITY)) continue;
  const double seconds = clock_seconds() - begun;
  const double evaluations = (double)evaluation->tally.evaluations;
  *samples_per_second = (double)evaluation->tally.samples / seconds;
  evaluation_destroy(&evaluation);
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
  const double begun = clock_seconds();
  for (int i = 0; i < REPEATS; i++) objective_evaluate(objective, rows, samples, loss);
  const double seconds = clock_seconds() - begun;
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
  if (argc != 2)
    error_set(&error, "usage: bench_encoder input.yaml");
  else
    config_read(config, argv[1], NULL, 0, &error);
  comm_settle(comm, &error);
  struct run *run = run_prepare(comm, config);
  run_load(run);

  real *a = memory_new(real, SIZE * SIZE), *b = memory_new(real, SIZE * SIZE);
  real *c = memory_new(real, SIZE * SIZE);
  for (size_t i = 0; i < SIZE * SIZE; i++) a[i] = b[i] = (real)(i % 17) / 17;
  const size_t rows = run->evaluation_rule.most;
  double product[ROUNDS], encoder[ROUNDS], share[ROUNDS], evaluation[ROUNDS], rate[ROUNDS];
  sgemm(a, b, c);
  encode(run, &rate[0]);
  for (int i = 0; i < ROUNDS; i++) {
    product[i] = sgemm(a, b, c);
    encoder[i] = encode(run, &rate[i]);
    evaluation[i] = evaluate(run, rows);
    share[i] = encoder[i] / product[i];
  }
  printf("| encoder, %lld samples, %s kernel, GFLOP/s | %.1f |\n",
         (long long)run->shapes[SET_ENCODE].count, blas_kernel(), median(encoder));
  printf("| SGEMM 2048^3, GFLOP/s | %.1f |\n", median(product));
  printf("| encoder / SGEMM | %.3f |\n", median(share));
  printf("| gradient evaluations alone, %zu rows, GFLOP/s | %.1f |\n", rows, median(evaluation));
  printf("| gradient evaluations alone, per sample, us | %.1f |\n",
         1e-3 * network_flops(run->decoder->network) / median(evaluation));
  printf("| encoder, samples per second | %.0f |\n", median(rate));

  memory_free(&a);
  memory_free(&b);
  memory_free(&c);
  memory_free(&config);
  run_destroy(&run);
  comm_finish(&comm);
  return 0;
}
