// Files on their way: each is written beside its place under a name that no other process has, and
// renamed when it is complete.
#ifndef GFE_PARTIAL_H
#define GFE_PARTIAL_H

#include <stdbool.h>

#include "platform/comm.h"

// The path of what will be `directory`/`name`, with rank 0's host and process in its name; owned by
// the caller. Collective.
char *partial_path(struct comm *comm, const char *directory, const char *name);

// Whether a directory's entry is one that is on its way to `name`, or to any file of a run if that
// is NULL.
bool partial_is_of(const char *entry, const char *name);

// Removes what killed jobs have left in a directory. By the one that has its lock.
void partial_clean(const char *directory);

#endif
