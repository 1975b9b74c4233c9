#include "ground/stop.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/text.h"

static const double glance = 1.0;   // seconds between two checks of the file
static const int patience = 20000;  // milliseconds that squeue may take

static const char *const names[] = {
    [STOP_NONE] = "none",        [STOP_USR1] = "signal USR1", [STOP_USR2] = "signal USR2",
    [STOP_TERM] = "signal TERM", [STOP_XCPU] = "signal XCPU", [STOP_FILE] = "stop file",
    [STOP_TIME] = "time limit",
};

const char *stop_name(enum stop_reason reason) {
  return IN_TABLE(names, reason) ? names[reason] : NULL;
}

// ---- signals ----

static volatile sig_atomic_t caught = STOP_NONE;

static const int signals[] = {
    [STOP_USR1] = SIGUSR1, [STOP_USR2] = SIGUSR2, [STOP_TERM] = SIGTERM, [STOP_XCPU] = SIGXCPU};

static void note(int signal) {
  for (int reason = STOP_USR1; reason <= STOP_XCPU; reason++)
    if (signals[reason] == signal) caught = reason;
}

// Whoever started the program may have blocked them.
static void handle_by(void (*handler)(int signal)) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigset_t handled;
  sigemptyset(&action.sa_mask);
  sigemptyset(&handled);
  for (int reason = STOP_USR1; reason <= STOP_XCPU; reason++) {
    sigaction(signals[reason], &action, NULL);
    sigaddset(&handled, signals[reason]);
  }
  sigprocmask(SIG_UNBLOCK, &handled, NULL);
}

void stop_catch_signals(void) { handle_by(note); }

void stop_release_signals(void) {
  handle_by(SIG_DFL);
  if (caught != STOP_NONE) raise(signals[caught]);
}

// ---- time ----

// Seconds of Slurm's "days-hours:minutes:seconds", of which the leading parts may be missing;
// infinite if it is none (UNLIMITED).
static double slurm_duration(const char *text) {
  double seconds = 0.0;
  char *end;
  if (strchr(text, '-') != NULL) {
    seconds = strtod(text, &end) * 24.0;
    text = end + 1;
  }
  for (;; text = end + 1) {
    const double part = strtod(text, &end);
    if (end == text) return INFINITY;
    seconds += part;
    if (*end != ':') return seconds;
    seconds *= 60.0;
  }
}

static bool is_number(const char *text) {
  return text != NULL && text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

// The name by which Slurm knows this job alone, [64]; false without Slurm. SLURM_JOB_ID of one task
// of an array is that of the whole array.
static bool slurm_job(char *name) {
  const char *job = getenv("SLURM_JOB_ID"), *array = getenv("SLURM_ARRAY_JOB_ID"),
             *task = getenv("SLURM_ARRAY_TASK_ID");
  if (!is_number(job)) return false;
  if (is_number(array) && is_number(task))
    snprintf(name, 64, "%.20s_%.20s", array, task);
  else
    snprintf(name, 64, "%.20s", job);
  return true;
}

// Seconds until SLURM_JOB_END_TIME, which Slurm sets from 23.02 on. False if it is of no use: not
// set, not a number, or in the past, as in an environment inherited from an earlier job.
static bool slurm_end(double *left) {
  const char *end = getenv("SLURM_JOB_END_TIME");
  if (!is_number(end)) return false;
  *left = strtod(end, NULL) - (double)time(NULL);
  return *left > 0.0;
}

// The first line that a command prints; false if there is none within `patience`. A command that
// hangs is abandoned.
static bool ask(const char *command, char *answer, int size) {
  FILE *pipe = popen(command, "r");
  if (pipe == NULL) return false;
  struct pollfd output = {.fd = fileno(pipe), .events = POLLIN};
  int ready;
  do ready = poll(&output, 1, patience);
  while (ready < 0 && errno == EINTR);
  if (ready == 0) return false;
  const bool answered = fgets(answer, size, pipe) != NULL;
  pclose(pipe);
  return answered;
}

// The time that Slurm leaves this job; infinite without Slurm or without a limit.
static double slurm_seconds_left(void) {
  char job[64], command[128], answer[64] = "";
  double left;
  if (!slurm_job(job)) return INFINITY;
  if (slurm_end(&left)) return left;
  snprintf(command, sizeof command, "squeue -h -j %s -o %%L 2>/dev/null", job);
  if (ask(command, answer, sizeof answer)) return slurm_duration(answer);
  log_warning("squeue does not report when job %s ends; set run.walltime", job);
  return INFINITY;
}

struct stop {
  char *file;
  double deadline;  // on the clock
  double looked;    // at the file, last
};

struct stop *stop_create(const char *directory, double walltime) {
  static const char name[] = "/STOP";
  struct stop *stop = memory_new(struct stop, 1);
  stop->file = memory_new(char, strlen(directory) + sizeof name);
  strcpy(stop->file, directory);
  strcat(stop->file, name);
  stop->deadline = clock_seconds() + slurm_seconds_left();
  if (walltime > 0.0) stop->deadline = fmin(stop->deadline, clock_started() + walltime);
  stop->looked = -INFINITY;
  return stop;
}

void stop_destroy(struct stop **stop) {
  if (*stop == NULL) return;
  memory_free(&(*stop)->file);
  memory_free(stop);
}

double stop_seconds_left(const struct stop *stop) {
  return stop == NULL ? INFINITY : stop->deadline - clock_seconds();
}

enum stop_reason stop_noticed(struct stop *stop, double reserve) {
  if (caught != STOP_NONE) return (enum stop_reason)caught;
  if (stop == NULL) return STOP_NONE;
  if (stop_seconds_left(stop) < reserve) return STOP_TIME;
  if (clock_seconds() - stop->looked < glance) return STOP_NONE;
  stop->looked = clock_seconds();
  return access(stop->file, F_OK) == 0 ? STOP_FILE : STOP_NONE;
}
