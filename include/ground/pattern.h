// Patterns of file names, such as sim_*.h5.
#ifndef GFE_PATTERN_H
#define GFE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

// Whether a path is a pattern: it contains *, ? or [ and is not itself the name of a file.
bool pattern_is(const char *path);

// Whether any file matches.
bool pattern_matches(const char *path);

// The files that match, sorted by name (bytewise); for a path that is not a pattern, just the path.
// An owned list of owned paths, to be freed with pattern_free().
char **pattern_list(const char *path, size_t *count);
void pattern_free(char ***list, size_t count);

#endif
