// Fingerprints of files: equal for equal files, different after any change that can be detected.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground/fingerprint.h"
#include "support/test.h"

static const int64_t sizes[] = {0, 1, 65536, 65537, 1 << 20, (1 << 24) + 5, 1 << 26};

static void put(const char *path, int64_t at, char byte) {
  const int file = open(path, O_WRONLY | O_CREAT, 0666);
  if (file < 0 || pwrite(file, &byte, 1, at) != 1 || close(file) != 0) exit(1);
}

// So that the time of its last change tells nothing.
static void set_time(const char *path, time_t seconds) {
  const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
  if (utimensat(AT_FDCWD, path, times, 0) != 0) exit(1);
}

static uint64_t of(const char *path) {
  set_time(path, 1000);
  return fingerprint(path, 1);
}

static void test_file(int64_t size) {
  put("file", 0, 'a');
  if (truncate("file", size) != 0) exit(1);
  const uint64_t before = of("file");
  CHECK(before != 0 && of("file") == before, "%lld bytes: the same", (long long)size);
  set_time("file", 1001);
  CHECK(fingerprint("file", 1) != before, "%lld bytes: touched", (long long)size);
  for (int end = 0; size > 0 && end < 2; end++) {
    put("file", end == 0 ? 0 : size - 1, 'b');
    CHECK(of("file") != before, "%lld bytes: end %d", (long long)size, end);
    put("file", end == 0 ? 0 : size - 1, end == 0 && size > 0 ? 'a' : (char)(size == 1 ? 'a' : 0));
    CHECK(of("file") == before, "%lld bytes: as before", (long long)size);
  }
  const uint64_t content = fingerprint_content("file");
  set_time("file", 1001);
  CHECK(content != 0 && fingerprint_content("file") == content, "%lld bytes: content",
        (long long)size);
  if (size > 0) {
    put("file", size / 3, 'x');
    CHECK(fingerprint_content("file") != content, "%lld bytes: a byte", (long long)size);
    put("file", size / 3, size < 3 ? 'a' : 0);
  }
  if (truncate("file", size + 1) != 0) exit(1);
  CHECK(of("file") != before, "%lld bytes: longer by one", (long long)size);
}

// Of many files less is read of each: what is in between may change without notice, the ends not.
static void test_many(void) {
  enum { SIZE = 1 << 22, BLOCK = 1 << 16 };
  put("file", 0, 'a');
  if (truncate("file", SIZE) != 0) exit(1);
  set_time("file", 1000);
  const uint64_t one = fingerprint("file", 1), many = fingerprint("file", 1 << 20);
  CHECK(fingerprint("file", 16) == one, "of 16 files as of one");
  CHECK(many != one, "of many files less");
  put("file", BLOCK, 'b');
  set_time("file", 1000);
  CHECK(fingerprint("file", 16) != one, "a change in the second block, 16 files");
  CHECK(fingerprint("file", 1 << 20) == many, "a change in the second block, many files");
  put("file", SIZE - 1, 'b');
  set_time("file", 1000);
  CHECK(fingerprint("file", 1 << 20) != many, "a change at the end, many files");
}

int main(void) {
  char directory[] = "/tmp/test_fingerprint_XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 1;
  CHECK(fingerprint("nothing", 1) == 0 && fingerprint_content("nothing") == 0, "nothing");
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) test_file(sizes[i]);
  test_many();
  const uint64_t one = fingerprint(".", 1);
  put("other", 0, 'c');
  CHECK(fingerprint(".", 1) != one, "a file more in a directory");
  unlink("other");
  CHECK(fingerprint(".", 1) == one, "and gone again");
  unlink("file");
  if (chdir("/") == 0) rmdir(directory);
  return test_summary();
}
