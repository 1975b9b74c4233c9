// Directories of results.
#ifndef GFE_DIRECTORY_H
#define GFE_DIRECTORY_H

#include <stdbool.h>

#include "ground/error.h"

// Whether `path` is, or can be made, a writable directory, judged by its nearest existing parent.
// False with a message that names `key`, the key in the input file. Creates nothing.
bool directory_check(const char *key, const char *path, struct error *error);

// Makes a directory and any missing parents. A failure is the environment's error. By one rank.
void directory_make(const char *path);

// The path of `name` inside a directory; owned by the caller.
char *directory_path(const char *directory, const char *name);

#endif
