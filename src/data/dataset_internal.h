// The opened sources of a set, as the files of the module dataset share them.
#ifndef GFE_DATASET_INTERNAL_H
#define GFE_DATASET_INTERNAL_H

#include "data/reader.h"
#include "data/view_plan.h"

// The sources of data.train, data.test or data.encode.
struct dataset_sources {
  const struct data_options *options;      // borrowed
  const char *key;                         // the section's name, borrowed
  struct source samples, labels, weights;  // labels and weights: axes 0 if not given
  struct view_plan *samples_plan, *labels_plan, *weights_plan;  // theirs, owned; NULL: plain rows
  struct source_range range;
  struct view *view;  // owned
  int64_t count;      // samples selected from the range
  // This rank's part of those of the range that are of the classes wanted: `before` are on lower
  // ranks, `total` on all. `candidates` is owned, NULL if all of the range are.
  int64_t *candidates;
  int64_t candidate_count, before, total;
};

// Finds the candidates and counts what is selected of them, for dataset_open(). The same errors.
// Collective.
bool dataset_count(struct comm *comm, struct dataset_sources *sources, struct error *error);

// The rows of this rank's share of the selected samples, owned. Collective.
int64_t *dataset_select(struct comm *comm, const struct dataset_sources *sources);

#endif
