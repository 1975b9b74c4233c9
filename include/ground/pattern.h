// Patterns of file names, such as sim_*.h5.
#ifndef GFE_PATTERN_H
#define GFE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

// Whether a path is a pattern: it has *, ? or [ and is no file itself.
bool pattern_is(const char *path);

// Whether any file matches.
bool pattern_matches(const char *path);

// The files that match, sorted by name (by bytes); of a path that is no pattern itself alone. An
// owned list of owned paths, to be given back by pattern_free().
char **pattern_list(const char *path, size_t *count);
void pattern_free(char ***list, size_t count);

#endif
