#include "ground/directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground/memory.h"

enum { TARGET = 4096 };  // bytes of what a link points to

// An owned copy with room for "." at least.
static char *copy_path(const char *path) {
  const size_t length = strlen(path);
  char *copy = memory_new(char, length + 2);
  memcpy(copy, path, length);
  return copy;
}

// Whether `path` is a dangling link; if so, gives its target.
static bool is_dead_link(const char *path, char target[TARGET]) {
  struct stat status;
  if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode)) return false;
  if (stat(path, &status) == 0 || errno != ENOENT) return false;
  const ssize_t length = readlink(path, target, TARGET - 1);
  target[length > 0 ? length : 0] = '\0';
  return true;
}

// Shortens a path to the nearest parent that exists or is a dangling link. False if that cannot be
// determined (errno).
static bool cut_to_parent(char *path) {
  struct stat status;
  for (char target[TARGET]; stat(path, &status) != 0;) {
    if (errno != ENOENT) return false;
    if (is_dead_link(path, target)) return true;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
      strcpy(path, ".");
    else
      slash[slash == path ? 1 : 0] = '\0';
  }
  return true;
}

bool directory_check(const char *key, const char *path, struct error *error) {
  char *parent = copy_path(path);
  struct stat status;
  char target[TARGET];
  bool good = true;
  if (!cut_to_parent(parent))
    good = error_set(error, "%s = %s: %s", key, path, strerror(errno));
  else if (is_dead_link(parent, target))
    good = error_set(error,
                     "%s = %s: %s is a link to %s, which does not exist; create that directory, or "
                     "remove the link",
                     key, path, parent, target);
  else if (stat(parent, &status) != 0 || !S_ISDIR(status.st_mode))
    good = error_set(error, "%s = %s: %s is not a directory", key, path, parent);
  else if (access(parent, W_OK | X_OK) != 0)
    good = error_set(error, "%s = %s: no permission to write in %s", key, path, parent);
  memory_free(&parent);
  return good;
}

void directory_make(const char *path) {
  char *part = copy_path(path);
  for (char *at = part + 1;; at++) {
    if (*at != '/' && *at != '\0') continue;
    const char end = *at;
    *at = '\0';
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
      error_fatal("cannot make the directory %s: %s", part, strerror(errno));
    *at = end;
    if (end == '\0') break;
  }
  memory_free(&part);
}

char *directory_path(const char *directory, const char *name) {
  const size_t size = strlen(directory) + strlen(name) + 2;
  char *path = memory_new(char, size);
  snprintf(path, size, "%s/%s", directory, name);
  return path;
}
