#include "ground/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int abort_rank = 0;
static void (*abort_job)(int code) = NULL;
static char unfinished[4096];  // a file to be removed on failure

// Messages quote text from users and files; whatever that contains, they must stay on one line and
// must not affect the terminal.
static void make_one_line(char *text) {
  for (; *text != '\0'; text++)
    if (iscntrl((unsigned char)*text)) *text = ' ';
}

bool error_set(struct error *error, const char *format, ...) {
  if (error_is_set(error)) return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  make_one_line(error->text);
  return false;
}

bool error_is_set(const struct error *error) { return error->text[0] != '\0'; }

// Levenshtein distance without regard to case, of words shorter than 64 characters.
static size_t edit_distance(const char *a, const char *b) {
  size_t row[64], length = strlen(b);
  for (size_t j = 0; j <= length; j++) row[j] = j;
  for (size_t i = 1; a[i - 1] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= length; j++) {
      const bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
      size_t best = diagonal + (same ? 0 : 1);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[length];
}

const char *error_nearest(const char *word, const char *const *names, size_t count) {
  const char *nearest = NULL;
  size_t smallest = strlen(word) / 2 + 1;
  for (size_t i = 0; i < count; i++) {
    if (names[i] == NULL || strlen(names[i]) >= 64) continue;
    const size_t distance = edit_distance(word, names[i]);
    if (distance < smallest) {
      smallest = distance;
      nearest = names[i];
    }
  }
  return nearest;
}

void error_register_abort(int rank, void (*abort_all)(int code)) {
  abort_rank = rank;
  abort_job = abort_all;
}

void error_remove_on_failure(const char *path) {
  unfinished[0] = '\0';
  if (path != NULL) snprintf(unfinished, sizeof unfinished, "%s", path);
}

void error_fatal_at(const char *file, int line, const char *format, ...) {
  char message[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  fflush(stdout);
  fprintf(stderr, "gfe_hpc: error on rank %d at %s:%d: %s\n", abort_rank, file, line, message);
  fflush(stderr);
  if (unfinished[0] != '\0') unlink(unfinished);
  if (abort_job != NULL) abort_job(EXIT_CODE_ENVIRONMENT);
  exit(EXIT_CODE_ENVIRONMENT);
}
