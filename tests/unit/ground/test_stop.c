#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ground/stop.h"
#include "support/test.h"

// Puts a squeue in the path that answers `left` when asked about a job.
static void pretend_squeue(const char *directory, const char *job, const char *left) {
  char path[512];
  snprintf(path, sizeof path, "%s/squeue", directory);
  FILE *file = fopen(path, "w");
  fprintf(file, "#!/bin/sh\n[ \"$*\" = '-h -j %s -o %%L' ] && echo %s\n", job, left);
  fclose(file);
  chmod(path, 0755);
}

static double left_of(const char *directory, double walltime) {
  struct stop *stop = stop_create(directory, walltime);
  const double left = stop_seconds_left(stop);
  stop_destroy(&stop);
  return left;
}

// Whether so much is left, but for the time that it takes to ask (and a full second of Slurm's).
static bool leaves(const char *directory, double walltime, double expected) {
  const double begun = clock_seconds(), left = left_of(directory, walltime);
  return fabs(left - expected) <= clock_seconds() - begun + 1.0;
}

// A squeue that never answers.
static void test_silence(const char *directory) {
  char path[512], number[1024];
  snprintf(path, sizeof path, "%s/squeue", directory);
  snprintf(number, sizeof number, "%s/number", directory);
  FILE *file = fopen(path, "w");
  fprintf(file, "#!/bin/sh\necho $$ > %s\nexec sleep 1000000\n", number);
  fclose(file);
  CHECK(isinf(left_of(directory, 0.0)), "no limit is known");
  int process = 0;
  file = fopen(number, "r");
  CHECK(file != NULL && fscanf(file, "%d", &process) == 1 && kill(process, SIGKILL) == 0,
        "squeue should have been asked");
  if (file != NULL) fclose(file);
  unlink(number);
}

static void test_time(const char *directory) {
  CHECK(isinf(left_of(directory, 0.0)), "no limit without Slurm");
  CHECK(leaves(directory, 100.0, 100.0), "run.walltime counts from the start");
  setenv("SLURM_JOB_ID", "77", 1);
  const struct {
    const char *text;
    double seconds;
  } cases[] = {{"0:05", 5},
               {"12:34", 754},
               {"1:00:00", 3600},
               {"2-01:00:01", 176401},
               {"UNLIMITED", INFINITY},
               {"INVALID", INFINITY}};
  char path[1024];
  snprintf(path, sizeof path, "%s:/bin:/usr/bin", directory);
  setenv("PATH", path, 1);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pretend_squeue(directory, "77", cases[i].text);
    CHECK(isinf(cases[i].seconds) ? isinf(left_of(directory, 0.0))
                                  : leaves(directory, 0.0, cases[i].seconds),
          "squeue says %s: %g seconds", cases[i].text, cases[i].seconds);
  }
  // Job 77 are all tasks of the array, for squeue, and one of them, in SLURM_JOB_ID.
  setenv("SLURM_ARRAY_JOB_ID", "77", 1);
  setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  pretend_squeue(directory, "77_3", "2:00");
  CHECK(leaves(directory, 0.0, 120.0), "a task of an array asks about itself");
  char end[32];
  const double asked = clock_seconds();
  snprintf(end, sizeof end, "%lld", (long long)time(NULL) + 500);
  setenv("SLURM_JOB_END_TIME", end, 1);
  const double left = left_of(directory, 0.0);
  CHECK(fabs(left - 500.0) <= clock_seconds() - asked + 1.0,
        "SLURM_JOB_END_TIME goes before squeue: %g", left);
  CHECK(leaves(directory, 50.0, 50.0), "run.walltime comes before Slurm's end");
  CHECK(leaves(directory, 10000.0, 500.0), "Slurm's end comes before run.walltime");
  static const char *const senseless[] = {"", "soon", "-5", "nan", "1e99", "1000000000"};
  for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
    setenv("SLURM_JOB_END_TIME", senseless[i], 1);
    CHECK(leaves(directory, 0.0, 120.0), "SLURM_JOB_END_TIME = %s: squeue is asked", senseless[i]);
  }
  unsetenv("SLURM_JOB_END_TIME");
  CHECK(leaves(directory, 10000.0, 120.0), "squeue's end comes before run.walltime");
  test_silence(directory);
  setenv("SLURM_JOB_END_TIME", end, 1);
  unsetenv("SLURM_JOB_ID");
  CHECK(isinf(left_of(directory, 0.0)), "no job of Slurm's");
}

static void test_reasons(const char *directory) {
  struct stop *stop = stop_create(directory, 100.0);
  CHECK(stop_noticed(stop, 1.0) == STOP_NONE, "nothing yet");
  CHECK(stop_noticed(stop, 1000.0) == STOP_TIME, "no time for the reserve");
  char path[512];
  snprintf(path, sizeof path, "%s/STOP", directory);
  fclose(fopen(path, "w"));
  struct stop *other = stop_create(directory, 100.0);
  CHECK(stop_noticed(other, 1.0) == STOP_FILE, "the file is seen");
  unlink(path);
  sigset_t blocked;  // by whoever starts the program
  sigfillset(&blocked);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  stop_catch_signals();
  raise(SIGUSR2);
  CHECK(stop_noticed(stop, 1.0) == STOP_USR2 && stop_noticed(NULL, 0.0) == STOP_USR2, "USR2");
  raise(SIGTERM);
  CHECK(stop_noticed(stop, 1.0) == STOP_TERM, "TERM");
  raise(SIGXCPU);
  CHECK(stop_noticed(stop, 1.0) == STOP_XCPU, "XCPU");
  stop_destroy(&stop);
  stop_destroy(&other);
}

int main(void) {
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_JOB_END_TIME");
  unsetenv("SLURM_ARRAY_JOB_ID");
  unsetenv("SLURM_ARRAY_TASK_ID");
  char directory[] = "/tmp/test_stop_XXXXXX";
  if (mkdtemp(directory) == NULL) return 1;
  test_time(directory);
  test_reasons(directory);
  char squeue[512];
  snprintf(squeue, sizeof squeue, "%s/squeue", directory);
  unlink(squeue);
  rmdir(directory);
  return test_summary();
}
