#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "test.h"

int main(void) {
  enum { STEPS = 600 };
  char path[] = "/tmp/test_history_XXXXXX";
  close(mkstemp(path));
  struct history *history = history_create(path);
  for (int i = 0; i < STEPS; i++)
    history_add_step(
        history, (struct history_step){.epoch = 1, .samples = i, .loss = 1.0 / (i + 1)}, 0.1 * i);
  history_add_epoch(history, (struct history_epoch){.samples = STEPS, .train_loss = 0.25});
  CHECK(history_steps(history) == STEPS && history_epochs(history) == 1, "counts");
  CHECK(history_step(history, 599)->loss == 1.0 / 600, "the last step is kept");
  CHECK(history_epoch(history, 0)->train_loss == 0.25, "the epoch is kept");

  FILE *file = fopen(path, "r");  // before the end: the file grows with the steps
  char line[256] = "", last[256] = "";
  int lines = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    lines++;
    strcpy(last, line);
  }
  fclose(file);
  CHECK(lines == STEPS + 1, "%d lines", lines);
  CHECK(strncmp(last, "600,1,599,0.00166666667,", 24) == 0, "last line %s", last);
  history_destroy(&history);
  unlink(path);
  struct history *silent = history_create(NULL);
  history_add_step(silent, (struct history_step){.loss = 1.0}, 0.0);
  CHECK(history_steps(silent) == 1, "without a file too");
  history_destroy(&silent);
  return test_summary();
}
