// The few entries of a dictionary with the highest values of anything.
#ifndef GFE_BEST_ENTRIES_H
#define GFE_BEST_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BEST_ENTRIES_MOST = 32 };

// In descending order of their values; of equal ones, the first entry comes first.
struct best_entries {
  size_t count, most;  // most: at most BEST_ENTRIES_MOST
  int64_t entry[BEST_ENTRIES_MOST];
  double value[BEST_ENTRIES_MOST];
};

// The value below which no further entry is taken.
double best_entries_least(const struct best_entries *best);

bool best_entries_has(const struct best_entries *best, int64_t entry);

// Takes an entry that is not in the list yet into it if its value is high enough; NaN never is.
void best_entries_add(struct best_entries *best, int64_t entry, double value);

#endif
