#include "ground/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ground/error.h"

static const double terminal_interval = 0.2, file_interval = 30.0;  // seconds between lines

static int log_rank = 0;
static bool line_open = false;  // a progress line is being shown on the terminal

void log_start(int rank) { log_rank = rank; }

// Whether someone is watching. Open MPI gives rank 0 its own terminal even if mpirun writes to a
// file, so under Open MPI the question is where the parent process writes.
static bool on_terminal(void) {
  static int answer = -1;
  if (answer >= 0) return answer == 1;
  answer = isatty(STDOUT_FILENO) ? 1 : 0;
  if (answer == 1 && getenv("OMPI_COMM_WORLD_RANK") != NULL) {
    char link[64], target[64] = "";
    snprintf(link, sizeof link, "/proc/%d/fd/1", (int)getppid());
    const ssize_t length = readlink(link, target, sizeof target - 1);
    answer = length > 0 && strncmp(target, "/dev/pts/", 9) == 0 ? 1 : 0;
  }
  return answer == 1;
}

static void say(FILE *stream, const char *before, const char *format, va_list arguments,
                const char *after) {
  if (log_rank != 0) return;
  log_progress_end();
  fputs(before, stream);
  vfprintf(stream, format, arguments);
  fputs(after, stream);
  fflush(stream);
}

void log_line(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(stdout, "", format, arguments, "\n");
  va_end(arguments);
}

void log_text(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(stdout, "", format, arguments, "");
  va_end(arguments);
}

void log_warning(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(stderr, "warning: ", format, arguments, "\n");
  va_end(arguments);
}

void log_progress(const char *task, long done, long total, double seconds, const char *note) {
  static double last = -1.0;
  if (log_rank != 0) return;
  const bool terminal = on_terminal();
  const double now = clock_seconds();
  if (last < 0.0) last = now - seconds;
  if (now - last < (terminal ? terminal_interval : file_interval)) return;
  last = now;
  const double left = done > 0 ? seconds / (double)done * (double)(total - done) : 0.0;
  printf("%s  %s %ld of %ld (%.0f %%)  %s  %.0f s done, about %.0f s left%s", terminal ? "\r" : "",
         task, done, total, 100.0 * (double)done / (double)total, note, seconds, left,
         terminal ? "\033[K" : "\n");
  fflush(stdout);
  line_open = terminal;
}

void log_finish(void) {
  if (log_rank != 0) return;
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return;
  error_fatal("cannot write to standard output%s%s", errno != 0 ? ": " : "",
              errno != 0 ? strerror(errno) : "");
}

void log_progress_end(void) {
  if (!line_open) return;
  fputs("\r\033[K", stdout);
  fflush(stdout);
  line_open = false;
}
