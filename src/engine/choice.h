// A selection of training samples, copied side by side, to which predictors and dictionaries are
// fitted.
#ifndef GFE_CHOICE_H
#define GFE_CHOICE_H

#include "data/dataset.h"
#include "engine/samples.h"

struct choice {
  struct samples samples;  // their positions are their numbers; borrows the rest
  int64_t *local;          // [count] places among this rank's samples of the set
  int64_t *number;         // [count] among all that are chosen
  real *y, *w;
  double *weight_sum;
};

// `chooses` gives the number of the sample at place `i` of this rank among the `total` chosen on
// all ranks, or -1. Owned by the caller.
struct choice *choice_create(const struct dataset *data, int64_t total,
                             int64_t (*chooses)(const void *context, int64_t sample),
                             const void *context);
void choice_destroy(struct choice **choice);

#endif
