#include "files/partial.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground/directory.h"
#include "ground/memory.h"
#include "ground/run_lock.h"

enum { NAME = 192 };

static const char *const names[] = {"checkpoint.h5", "results.h5", "summary.json",
                                    "used_parameters.yaml", "run.lock"};

char *partial_path(struct comm *comm, const char *directory, const char *name) {
  char full[NAME] = "";
  snprintf(full, sizeof full, "%s.partial.%s", name, run_lock_owner());
  comm_broadcast(comm, full, sizeof full, 0);
  return directory_path(directory, full);
}

bool partial_is_of(const char *entry, const char *name) {
  if (name != NULL) {
    const size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && strncmp(entry + length, ".partial", 8) == 0;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (partial_is_of(entry, names[i])) return true;
  return false;
}

void partial_clean(const char *directory) {
  DIR *entries = opendir(directory);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (!partial_is_of(entry->d_name, NULL)) continue;
    char *path = directory_path(directory, entry->d_name);
    unlink(path);
    memory_free(&path);
  }
  closedir(entries);
}
