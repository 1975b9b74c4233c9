// Transformed copies of a data set's samples (data augmentation): reflected, scaled, rotated and
// shifted at random, with new random numbers in each pass. A copy is a function of seed, pass and
// sample alone. All channels of a sample are transformed alike, as scalars: components of vectors
// keep their signs and directions.
#ifndef GFE_COPIES_H
#define GFE_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/view.h"
#include "ground/error.h"
#include "input/config.h"

// Where a copy's entries come from. The entry at o is interpolated linearly from those of the
// sample around the point M o' + offset, where o' is o before the last two operations: the
// reflections and then the cyclic shifts (scipy.ndimage.affine_transform of order 1, numpy.flip,
// numpy.roll).
struct copy_map {
  double matrix[VIEW_AXES][VIEW_AXES], offset[VIEW_AXES];
  bool reflected[VIEW_AXES];
  int64_t roll[VIEW_AXES];  // points; at least 0 and less than the length of the axis
};

struct copies;

// Whether samples with this view have the axes that the options name or need; an error if not.
bool copies_check(const struct config_copies *options, const struct view *view,
                  struct error *error);

// Copies of the samples of `data` (borrowed, like the options), whose view is `view`. Owned by the
// caller.
struct copies *copies_create(const struct config_copies *options, const struct view *view,
                             const struct dataset *data, uint64_t seed);
void copies_destroy(struct copies **copies);

// The data set with copies in place of its samples; borrowed, until the next call. If all of a
// copy's entries would be missing, the sample itself takes its place.
const struct dataset *copies_of_pass(struct copies *copies, int64_t pass);

// The map that is drawn for a sample (its number in dataset.index) in a pass.
struct copy_map copies_map(const struct copies *copies, int64_t sample, int64_t pass);

#endif
