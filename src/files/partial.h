// Unfinished files: each is written next to its destination under a name that no other process
// uses, and renamed when it is complete.
#ifndef GFE_PARTIAL_H
#define GFE_PARTIAL_H

#include <stdbool.h>

#include "platform/comm.h"

// The temporary path of the future `directory`/`name`, with rank 0's host and process in its name;
// owned by the caller. Collective.
char *partial_path(struct comm *comm, const char *directory, const char *name);

// Whether a directory entry is an unfinished version of `name`, or of any file of a run if that is
// NULL.
bool partial_is_of(const char *entry, const char *name);

// Removes what killed jobs have left in a directory. By the rank that holds its lock.
void partial_clean(const char *directory);

#endif
