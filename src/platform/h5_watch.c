#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/comm.h"
#include "platform/h5_file.h"

// If one rank cannot open a file, Open MPI's own MPI-IO does not tell the others: they wait for it,
// and it for them, forever. h5_probe() finds such a rank beforehand; if the disk fails after that,
// the checks below end the job. They write nothing, so that a slow disk is not mistaken for a
// failed one; time during which the whole job was suspended counts as one check.

// Seconds between two checks, and until MPI must have ended; checks until rank 0 gives up. The
// other ranks give up one check later, if they are still there: one message is enough.
enum { LOOK = 60, PATIENCE = 10, LOOKS = 10 };

static const char *watched;
static int looks, most;

int h5_probe(const char *path) {
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return errno;
  close(file);
  return 0;
}

static void leave(int signal) {
  (void)signal;
  _exit(EXIT_CODE_ENVIRONMENT);
}

// From now on, even within a handler, and even if alarms were blocked when the program was started.
static void on_alarm(void (*handler)(int signal)) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigset_t alarms;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarms, NULL);
}

// Ends the job. MPI is in the middle of a call, so that ending it may hang as well.
static _Noreturn void give_up(int reason) {
  char host[65] = "";
  gethostname(host, sizeof host - 1);
  on_alarm(leave);
  alarm(PATIENCE);
  if (reason != 0) error_fatal("cannot write %s on host %s: %s", watched, host, strerror(reason));
  error_fatal(
      "cannot write %s on host %s: MPI_File_open() has not ended after %d s; a disk has "
      "failed or is very slow; the same command resumes from the last checkpoint",
      watched, host, LOOK * looks);
}

static void look(int signal) {
  (void)signal;
  const int kept = errno, reason = h5_probe(watched);
  const bool gone = reason == ENOENT;  // a rank that gives up removes the file
  if ((reason != 0 && !gone) || ++looks == most) give_up(reason);
  alarm(LOOK);
  errno = kept;
}

void h5_watch(const struct h5_file *file) {
  watched = file->path;
  looks = 0;
  most = LOOKS + (comm_rank(file->comm) > 0);
  on_alarm(look);
  alarm(LOOK);
}

void h5_unwatch(void) {
  alarm(0);
  on_alarm(SIG_DFL);
}
