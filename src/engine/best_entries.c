#include "engine/best_entries.h"

#include <math.h>

static bool comes_first(const struct best_entries *best, size_t place, int64_t entry,
                        double value) {
  if (best->value[place] == value) return best->entry[place] < entry;
  return best->value[place] > value;
}

double best_entries_least(const struct best_entries *best) {
  return best->count < best->most ? -INFINITY : best->value[best->most - 1];
}

bool best_entries_has(const struct best_entries *best, int64_t entry) {
  for (size_t k = 0; k < best->count; k++)
    if (best->entry[k] == entry) return true;
  return false;
}

void best_entries_add(struct best_entries *best, int64_t entry, double value) {
  const bool full = best->count == best->most;
  if (isnan(value) || (full && comes_first(best, best->most - 1, entry, value))) return;
  size_t place = best->count < best->most ? best->count++ : best->most - 1;
  for (; place > 0 && !comes_first(best, place - 1, entry, value); place--) {
    best->entry[place] = best->entry[place - 1];
    best->value[place] = best->value[place - 1];
  }
  best->entry[place] = entry;
  best->value[place] = value;
}
