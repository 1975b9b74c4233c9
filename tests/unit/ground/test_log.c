#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground/log.h"
#include "support/test.h"

// Runs `say` with stdout in a file and leaves what came in `text`.
static void capture(void (*say)(void), char *text, size_t size) {
  fflush(stdout);
  FILE *file = tmpfile();
  const int saved = dup(STDOUT_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  say();
  fflush(stdout);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  rewind(file);
  text[fread(text, 1, size - 1, file)] = '\0';
  fclose(file);
}

static void say_line(void) { log_line("loss %.2f", 0.5); }

// A task that has been running for 31 seconds, and then a hundred steps within no time.
static void say_progress(void) {
  for (int i = 31; i <= 100; i++) log_progress("training: step", i, 100, 31, "loss 0.3");
}

int main(void) {
  char text[4096];
  capture(say_line, text, sizeof text);
  CHECK(strcmp(text, "loss 0.50\n") == 0, "said '%s'", text);
  capture(say_progress, text, sizeof text);
  int lines = 0;
  for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) lines++;
  CHECK(lines == 1, "%d progress lines in a file at once, not 1", lines);
  CHECK(strstr(text, "31 of 100 (31 %)") != NULL, "said '%s'", text);
  log_start(1);
  capture(say_line, text, sizeof text);
  CHECK(text[0] == '\0', "rank 1 said '%s'", text);
  log_start(0);
  return test_summary();
}
