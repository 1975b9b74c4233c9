#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/history.h"
#include "support/test.h"

int main(void) {
  enum { STEPS = 600 };
  char path[] = "/tmp/test_history_XXXXXX";
  close(mkstemp(path));
  struct history *history = history_create(true);
  history_open(history, path);
  for (int i = 0; i < STEPS; i++)
    history_add_step(
        history,
        (struct history_step){.epoch = 1, .samples = i, .loss = 1.0 / (i + 1), .seconds = 0.1 * i});
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
  // What a state carries over makes the same history, and the same file.
  struct state saved = {.count = 0}, *read = &(struct state){.count = 0};
  history_state(history, 0, &saved);
  struct history *again = history_create(true);
  history_resize(again, STEPS, 1);
  history_state(again, 0, read);
  CHECK(read->count == saved.count, "%zu fields, then %zu", saved.count, read->count);
  for (size_t f = 0; f < saved.count; f++) {
    const struct state_field *field = &saved.fields[f];
    char *rows = malloc((size_t)field->count * state_row_bytes(field));
    state_pack(field, 0, field->count, rows);
    state_unpack(&read->fields[f], 0, field->count, rows);
    free(rows);
  }
  CHECK(memcmp(history_step(again, 0), history_step(history, 0),
               STEPS * sizeof(struct history_step)) == 0 &&
            memcmp(history_epoch(again, 0), history_epoch(history, 0),
                   sizeof(struct history_epoch)) == 0,
        "the columns are all of the history");
  history_destroy(&history);
  history_open(again, path);
  char first_lines[4096] = "";
  file = fopen(path, "r");
  for (lines = 0; fgets(line, sizeof line, file) != NULL; lines++) strcpy(first_lines, line);
  fclose(file);
  CHECK(lines == STEPS + 1 && strcmp(first_lines, last) == 0, "last line %s", first_lines);
  history_destroy(&again);
  unlink(path);

  struct history *silent = history_create(true);
  history_add_step(silent, (struct history_step){.loss = 1.0});
  CHECK(history_steps(silent) == 1, "without a file too");
  history_destroy(&silent);
  silent = history_create(false);
  history_add_step(silent, (struct history_step){.loss = 1.0});
  history_add_epoch(silent, (struct history_epoch){.train_loss = 0.25});
  CHECK(history_steps(silent) == 1 && history_series(silent, 0).records == NULL, "only counted");
  CHECK(history_epoch(silent, 0)->train_loss == 0.25, "epochs are kept in any case");
  history_destroy(&silent);
  return test_summary();
}
