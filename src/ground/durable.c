#include "ground/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground/error.h"
#include "ground/memory.h"
#include "ground/run_lock.h"

static void sync_file(const char *path) {
  const int file = open(path, O_RDONLY);
  if (file < 0 || fsync(file) != 0) error_fatal("cannot write %s: %s", path, strerror(errno));
  close(file);
}

// Some file systems cannot sync a directory; nothing is lost by trying.
static void sync_directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  const size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 1;
  char *directory = memory_new(char, length + 1);
  memcpy(directory, slash != NULL ? path : ".", length);
  const int file = open(directory, O_RDONLY);
  if (file >= 0) {
    fsync(file);
    close(file);
  }
  memory_free(&directory);
}

void durable_rename(const char *from, const char *to) {
  run_lock_confirm();
  if (rename(from, to) == 0)
    sync_directory_of(to);
  else if (errno != ENOENT)
    error_fatal("cannot rename %s to %s: %s", from, to, strerror(errno));
}

void durable_put(const char *from, const char *to) {
  sync_file(from);
  durable_rename(from, to);
}
