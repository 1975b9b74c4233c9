// What the program says. Rank 0 speaks for all; only errors come from other ranks.
#ifndef GFE_LOG_H
#define GFE_LOG_H

#include <stdbool.h>

// To be called once, by comm; before that this process counts as rank 0.
void log_start(int rank);

// A line on stdout, from rank 0 alone; log_text() adds no end of line.
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A line on stderr that begins with "warning: ", from rank 0 alone.
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Progress of a task: `done` of `total` steps, `seconds` since it began, and a short note such as
// the current loss. A terminal shows one line that renews itself; a log file gets a line at most
// every 30 seconds. log_progress_end() clears the terminal's line.
void log_progress(const char *task, long done, long total, double seconds, const char *note);
void log_progress_end(void);

// What has been printed is where it should be, or it is the environment's error. For a program
// whose answer is what it prints.
void log_finish(void);

#endif
