#define _POSIX_C_SOURCE 200809L  // glob()

#include "ground/pattern.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ground/memory.h"

bool pattern_is(const char *path) {
  struct stat status;
  return strpbrk(path, "*?[") != NULL && stat(path, &status) != 0;
}

bool pattern_matches(const char *path) {
  glob_t found;
  const bool any = glob(path, 0, NULL, &found) == 0 && found.gl_pathc > 0;
  globfree(&found);
  return any;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *copy(const char *path) {
  char *owned = memory_new(char, strlen(path) + 1);
  return strcpy(owned, path);
}

char **pattern_list(const char *path, size_t *count) {
  glob_t found = {0};
  const bool pattern = pattern_is(path) && glob(path, GLOB_NOSORT, NULL, &found) == 0;
  *count = pattern ? found.gl_pathc : 1;
  char **list = memory_new(char *, *count);
  for (size_t i = 0; i < *count; i++) list[i] = copy(pattern ? found.gl_pathv[i] : path);
  globfree(&found);
  qsort(list, *count, sizeof *list, by_bytes);  // glob() sorts by the user's locale
  return list;
}

void pattern_free(char ***list, size_t count) {
  for (size_t i = 0; *list != NULL && i < count; i++) memory_free(&(*list)[i]);
  memory_free(list);
}
