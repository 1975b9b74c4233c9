// A checkpoint of 1 GiB against dd conv=fsync of as many bytes on the same disk, alternately.
//
//   bench_checkpoint DIRECTORY
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/setup.h"
#include "engine/history.h"
#include "engine/trainer.h"
#include "files/checkpoint.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "input/config_read.h"

enum { ROUNDS = 5 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, compare);
  return values[ROUNDS / 2];
}

// Seconds of dd on rank 0. Collective.
static double copy(struct comm *comm, const char *directory, int64_t mebibytes) {
  char command[4096];
  const double begun = clock_seconds();
  if (comm_rank(comm) == 0) {
    snprintf(
        command, sizeof command,
        "dd if=/dev/zero of=%.1000s/dd bs=1M count=%lld conv=fsync status=none && rm %.1000s/dd",
        directory, (long long)mebibytes, directory);
    if (system(command) != 0) error_fatal("dd failed in %s", directory);
  }
  comm_barrier(comm);
  return clock_seconds() - begun;
}

int main(int argc, char **argv) {
  clock_enter(PHASE_OTHER);
  struct comm *comm = comm_start(&argc, &argv);
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  char directory[1024], input[1100], set[1100];
  snprintf(directory, sizeof directory, "%.1000s", argc == 2 ? argv[1] : "");
  if (argc != 2) error_set(&error, "usage: bench_checkpoint DIRECTORY");
  comm_settle(comm, &error);
  snprintf(input, sizeof input, "%s/input.yaml", directory);
  snprintf(set, sizeof set, "run.directory=%s", directory);
  if (comm_rank(comm) == 0) {
    mkdir(directory, 0777);
    FILE *file = fopen(input, "w");
    if (file == NULL) error_fatal("cannot write %s", input);
    fputs(
        "data: {train: {generate: circle, count: 64}}\n"
        "decoder: {latent: 1, loss: mse, layers: [{dense: 8192}, {dense: 10922}, {dense: 2}]}\n",
        file);
    fclose(file);
    config_read(config, input, (const char *const[]){set}, 1, &error);
  }
  comm_settle(comm, &error);
  struct run *run = setup_prepare(comm, config);
  setup_load(run);
  struct history *history = history_create(true);
  struct trainer *trainer = trainer_create(run, history);
  struct checkpoint *checkpoint = checkpoint_create(run, "bench_checkpoint");

  double written[ROUNDS], copied[ROUNDS], share[ROUNDS];
  int64_t mebibytes = 0;
  for (int round = 0; round < ROUNDS; round++) {
    struct state *state = memory_new(struct state, 1);
    trainer_state(trainer, state);
    const double begun = clock_seconds();
    checkpoint_write(checkpoint, state);
    written[round] = clock_seconds() - begun;
    memory_free(&state);
    struct stat status = {.st_size = 0};
    char path[1100];
    snprintf(path, sizeof path, "%s/checkpoint.h5", directory);
    if (comm_rank(comm) == 0) stat(path, &status);
    mebibytes = (int64_t)status.st_size >> 20;
    copied[round] = copy(comm, directory, mebibytes);
    share[round] = copied[round] / written[round];
  }
  if (comm_rank(comm) == 0) {
    printf("| checkpoint of %lld MiB on %d ranks, read back and compared, s | %.2f |\n",
           (long long)mebibytes, comm_size(comm), median(written));
    printf("| dd conv=fsync of the same size, s | %.2f |\n", median(copied));
    printf("| bandwidth of the checkpoint / that of dd | %.2f |\n", median(share));
  }
  checkpoint_destroy(&checkpoint);
  trainer_destroy(&trainer);
  history_destroy(&history);
  memory_free(&config);
  run_destroy(&run);
  comm_finish(&comm);
  return 0;
}
