// Output on screen. Rank 0 prints for all; other ranks print only errors.
#ifndef GFE_LOG_H
#define GFE_LOG_H

#include <stdbool.h>

// To be called once, by comm; before that this process counts as rank 0.
void log_start(int rank);

// A line on stdout, from rank 0 alone; log_text() adds no newline.
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A line on stderr that begins with "warning: ", from rank 0 alone.
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Progress of a task: `done` of `total` steps, `seconds` since it began, and a short note such as
// the current loss. A terminal shows one line that is updated in place; a log file gets at most one
// line every 30 seconds. log_progress_end() clears the line on the terminal.
void log_progress(const char *task, long done, long total, double seconds, const char *note);
void log_progress_end(void);

// Makes sure that all output has been written; if not, that is the environment's error. For
// commands whose result is what they print.
void log_finish(void);

#endif
