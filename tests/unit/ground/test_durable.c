#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/durable.h"
#include "ground/error.h"
#include "support/test.h"

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
}

static const char *read_text(const char *path) {
  static char text[64];
  FILE *file = fopen(path, "r");
  if (file == NULL) return "no file";
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  return text;
}

int main(void) {
  char directory[] = "/tmp/test_durable_XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 1;
  write_text("new", "new");
  write_text("old", "old");
  durable_put("new", "old");
  CHECK(strcmp(read_text("old"), "new") == 0 && access("new", F_OK) != 0, "a file takes its place");
  durable_rename("nothing", "old");
  CHECK(strcmp(read_text("old"), "new") == 0, "what is not there replaces nothing");
  unlink("old");
  rmdir(directory);
  return test_summary();
}
