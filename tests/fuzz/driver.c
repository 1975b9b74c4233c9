// Runs a fuzz target on files and on all files of directories, without libFuzzer: the corpus as an
// ordinary test. An input that crashes, or violates a condition, ends the process; the last name
// printed is its file.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "ground/memory.h"

static size_t done = 0;

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) error_fatal("cannot open %s", path);
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *data = memory_new(uint8_t, size + 1);
  if (fread(data, 1, size, file) != size) error_fatal("cannot read %s", path);
  fclose(file);
  printf("%s\n", path);
  fflush(stdout);
  LLVMFuzzerTestOneInput(data, size);
  memory_free(&data);
  done++;
}

static void run_path(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) error_fatal("cannot find %s", path);
  if (!S_ISDIR(status.st_mode)) {
    run_file(path);
    return;
  }
  struct dirent **entries;
  const int count = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    char inside[4096];
    snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.') run_path(inside);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) run_path(argv[i]);
  printf("%zu inputs\n", done);
  return done > 0 ? 0 : 1;
}
