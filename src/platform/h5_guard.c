// HDF5 1.10 does not survive every damaged file: a wrong length in the metadata, and it reads where
// no memory is. It cannot be asked beforehand, and a child process that tries first would have to
// be forked from under MPI. So the signals that end a process are caught while a file is read, to
// say which file it was.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "platform/h5_internal.h"

// Bytes; seconds until MPI must have ended; seconds of computing that no block of a file takes.
enum { STACK = 1 << 16, PATIENCE = 10, MOST_SECONDS = 120 };

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGVTALRM};
enum { DEADLY = sizeof deadly / sizeof *deadly };

static struct sigaction before[DEADLY];
static stack_t stack_before;
static char reading[H5_PATH + 64];  // the file opened last, with its key
static int open_files = 0;

static void leave(int signal) {
  (void)signal;
  _exit(EXIT_CODE_ENVIRONMENT);
}

// The process is lost, and perhaps its heap is, so that ending MPI may hang or crash as well.
static void crashed(int signal) {
  struct sigaction end = {.sa_handler = leave};
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &end, NULL);
  sigaction(SIGALRM, &end, NULL);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, NULL);
  alarm(PATIENCE);
  error_fatal("%s: HDF5 crashes or hangs on it (%s): the file is damaged", reading,
              strsignal(signal));
}

void h5_guard(const char *key, const char *path) {
  static char stack[STACK];
  snprintf(reading, sizeof reading, "%s = %s", key, path);
  if (open_files++ > 0) return;
  const stack_t own = {.ss_sp = stack, .ss_size = STACK};
  sigaltstack(&own, &stack_before);
  struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &action, &before[i]);
  h5_wind_up();
}

void h5_wind_up(void) {
  const struct itimerval time = {.it_value.tv_sec = open_files > 0 ? MOST_SECONDS : 0};
  setitimer(ITIMER_VIRTUAL, &time, NULL);
}

void h5_unguard(void) {
  if (--open_files > 0) return;
  h5_wind_up();
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &before[i], NULL);
  sigaltstack(&stack_before, NULL);
}
