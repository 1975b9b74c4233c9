// A temporary directory for the files of a test, the same on all ranks.
#ifndef GFE_SCRATCH_H
#define GFE_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ground/error.h"
#include "platform/comm.h"

static char scratch_directory[256];

// Collective.
static inline void scratch_make(struct comm *comm) {
  const char *parent = getenv("TMPDIR");
  snprintf(scratch_directory, sizeof scratch_directory, "%s/gfe_test_XXXXXX",
           parent != NULL ? parent : "/tmp");
  if (comm_rank(comm) == 0 && mkdtemp(scratch_directory) == NULL)
    error_fatal("cannot make %s", scratch_directory);
  comm_broadcast(comm, scratch_directory, sizeof scratch_directory, 0);
}

// The path of a file in the directory (static, overwritten by the 16th call after it).
static inline const char *scratch_path(const char *name) {
  static char paths[16][512];
  static int next = 0;
  char *path = paths[next++ % 16];
  snprintf(path, sizeof *paths, "%s/%s", scratch_directory, name);
  return path;
}

// Rank 0 writes `bytes` bytes to a file of the directory. Collective.
static inline void scratch_write(struct comm *comm, const char *name, const void *data,
                                 size_t bytes) {
  if (comm_rank(comm) == 0) {
    FILE *stream = fopen(scratch_path(name), "wb");
    if (stream == NULL || fwrite(data, 1, bytes, stream) != bytes || fclose(stream) != 0)
      error_fatal("cannot write %s", scratch_path(name));
  }
  comm_barrier(comm);
}

// Removes the directory and its files. Collective.
static inline void scratch_remove(struct comm *comm) {
  comm_barrier(comm);
  if (comm_rank(comm) > 0) return;
  DIR *directory = opendir(scratch_directory);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (entry->d_name[0] != '.') unlink(scratch_path(entry->d_name));
  closedir(directory);
  rmdir(scratch_directory);
}

#endif
