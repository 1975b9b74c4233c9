#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const double terminal_interval = 0.2, file_interval = 30.0;  // seconds between lines

static int log_rank = 0;
static bool line_open = false;  // a renewing progress line stands on the terminal

void log_start(int rank) { log_rank = rank; }

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
  static double last = 0.0;
  if (log_rank != 0) return;
  const bool terminal = isatty(STDOUT_FILENO);
  if (seconds < last) last = 0.0;  // another task has begun
  if (seconds - last < (terminal ? terminal_interval : file_interval)) return;
  last = seconds;
  const double left = done > 0 ? seconds / (double)done * (double)(total - done) : 0.0;
  printf("%s  %s %ld of %ld (%.0f %%)  %s  %.0f s gone, about %.0f s left%s", terminal ? "\r" : "",
         task, done, total, 100.0 * (double)done / (double)total, note, seconds, left,
         terminal ? "\033[K" : "\n");
  fflush(stdout);
  line_open = terminal;
}

void log_progress_end(void) {
  if (!line_open) return;
  fputs("\r\033[K", stdout);
  fflush(stdout);
  line_open = false;
}
