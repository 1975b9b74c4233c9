// Errors come in three kinds (see CONTRIBUTING.md):
//   the user's         found before any work: fill a `struct error`, return false, and let
//                      comm_settle() print it once and end all ranks with exit code 2;
//   the environment's  error_fatal(): this rank says where and what, the job aborts with code 3;
//   numerical          a status per sample, or exit code 4 if training diverged.
#ifndef GFE_ERROR_H
#define GFE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
  EXIT_CODE_DONE = 0,
  EXIT_CODE_USER = 2,
  EXIT_CODE_ENVIRONMENT = 3,
  EXIT_CODE_NUMERICAL = 4,
  EXIT_CODE_RESUBMIT = 75,  // EX_TEMPFAIL: stopped cleanly, run the same command again
};

// A mistake made by the user. An empty text means that there is none.
struct error {
  char text[4096];
};

// Records a message unless there already is one (the first is the cause). Always returns false, so
// that a function that has found a mistake can end with `return error_set(error, ...)`. Control
// characters become spaces: a message is one line.
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool error_is_set(const struct error *error);

// The entry of `names` (count of them, NULL entries allowed) that is most similar to `word`, or
// NULL if none is similar enough to be worth suggesting.
const char *error_nearest(const char *word, const char *const *names, size_t count);

// The number of this rank and the way to abort the whole job; registered by comm. Before that,
// error_fatal() ends only this process.
void error_register_abort(int rank, void (*abort_all)(int code));

// Names an unfinished file that error_fatal() removes on its way out, as it would only take up
// space; NULL: none.
void error_remove_on_failure(const char *path);

// The environment failed (file system full, out of memory, a failed library call): prints rank,
// place and message to stderr and ends the job with exit code 3. Does not return.
#define error_fatal(...) error_fatal_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void error_fatal_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
