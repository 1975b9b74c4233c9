// Directories with their parents, where they can be created and where not.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground/directory.h"
#include "ground/memory.h"
#include "support/test.h"

static bool is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void expect(const char *path, const char *expected) {
  struct error error = {""};
  const bool good = directory_check("run.directory", path, &error);
  CHECK(good == (expected[0] == '\0') && strstr(error.text, expected) != NULL, "%s: '%s'", path,
        error.text);
}

int main(void) {
  char directory[] = "/tmp/test_directory_XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 1;
  expect("a/b/c", "");
  CHECK(!is_directory("a"), "checking makes nothing");
  directory_make("a/b/c");
  directory_make("a/b/c");
  directory_make("/");
  CHECK(is_directory("a/b/c"), "parents are made too");
  expect("a/b", "");
  expect("/", geteuid() == 0 ? "" : "no permission");
  char *path = directory_path("a/b", "file");
  CHECK(strcmp(path, "a/b/file") == 0, "%s", path);
  FILE *file = fopen(path, "w");
  if (file == NULL) return 1;
  fclose(file);
  expect("a/b/file", "run.directory = a/b/file: a/b/file is not a directory");
  expect("a/b/file/c", "run.directory = a/b/file/c: Not a directory");
  if (geteuid() != 0) {  // nobody may write there but root
    chmod("a/b", 0500);
    expect("a/b/d", "no permission to write in a/b");
    chmod("a/b", 0700);
  }
  if (symlink("gone/run", "a/dead") == 0) {
    expect("a/dead", "run.directory = a/dead: a/dead is a link to gone/run, which does not exist");
    expect("a/dead/more", "a/dead is a link to gone/run, which does not exist");
    unlink("a/dead");
  }
  if (symlink("b", "a/live") == 0) {
    expect("a/live", "");
    expect("a/live/c/d", "");
    unlink("a/live");
  }
  unlink(path);
  memory_free(&path);
  rmdir("a/b/c");
  rmdir("a/b");
  rmdir("a");
  if (chdir("/") == 0) rmdir(directory);
  return test_summary();
}
