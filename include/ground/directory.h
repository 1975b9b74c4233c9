// Directories of results.
#ifndef GFE_DIRECTORY_H
#define GFE_DIRECTORY_H

#include <stdbool.h>

#include "ground/error.h"

// Whether `path` is, or can be made, a directory to write in: the nearest parent that exists is one
// where we may. False with a message that names `key`, the input file's key. Makes nothing.
bool directory_check(const char *key, const char *path, struct error *error);

// Makes a directory with its parents, as far as they are not there. A failure is the environment's
// error. By one rank.
void directory_make(const char *path);

// The path of `name` inside of a directory; owned by the caller.
char *directory_path(const char *directory, const char *name);

#endif
