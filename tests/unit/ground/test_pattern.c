// Patterns of file names: which paths are patterns, and what they match.
#define _POSIX_C_SOURCE 200809L  // mkdtemp()

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/memory.h"
#include "ground/pattern.h"
#include "support/test.h"

static void touch(const char *name) {
  FILE *file = fopen(name, "w");
  if (file == NULL) error_fatal("cannot write %s", name);
  fclose(file);
}

static size_t count_of(const char *name, char first[512]) {
  size_t count;
  char **list = pattern_list(name, &count);
  bool sorted = true;
  for (size_t i = 1; i < count; i++) sorted = sorted && strcmp(list[i - 1], list[i]) < 0;
  CHECK(sorted, "%s: files out of order", name);
  snprintf(first, 512, "%s", list[0]);
  pattern_free(&list, count);
  CHECK(list == NULL, "pattern_free leaves a pointer");
  return count;
}

int main(void) {
  char directory[] = "/tmp/test_pattern_XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 1;
  static const char *const names[] = {"sim_10.h5", "sim_2.h5", "sim_1.h5", "b[1].h5", "other"};
  for (size_t i = 0; i < 5; i++) touch(names[i]);
  char first[512];
  CHECK(pattern_is("sim_*.h5") && pattern_is("a?") && !pattern_is("sim.h5"), "what a pattern is");
  CHECK(!pattern_is("b[1].h5"), "a file with brackets in its name");
  CHECK(pattern_matches("sim_?.h5"), "a pattern that matches");
  CHECK(!pattern_matches("sam_?.h5"), "a pattern that does not");
  CHECK(count_of("sim_*.h5", first) == 3 && strcmp(first, "sim_1.h5") == 0, "three files: %s",
        first);
  CHECK(count_of("sim_?.h5", first) == 2, "two files");
  CHECK(count_of("b[1].h5", first) == 1 && strstr(first, "b[1].h5") != NULL, "brackets: %s", first);
  CHECK(count_of("absent", first) == 1 && strstr(first, "absent") != NULL, "a plain path");
  for (size_t i = 0; i < 5; i++) remove(names[i]);
  if (chdir("/") == 0) rmdir(directory);
  return test_summary();
}
