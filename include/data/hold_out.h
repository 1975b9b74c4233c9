// Samples of a data set that are held out: whole groups (trajectories), chosen by random numbers
// that depend on seed and group, so that neither the number of ranks nor the order of the samples
// matters.
#ifndef GFE_HOLD_OUT_H
#define GFE_HOLD_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/view.h"
#include "platform/comm.h"

struct hold_out {
  int64_t whole, count;  // samples in the set; samples held out
  int64_t least;         // the smallest number that can be held out: whole groups
  int64_t local_whole;   // samples of the set on this rank
  bool *held;            // [local_whole] whether this rank's sample is held out, owned
  // While the set is split, otherwise NULL; owned:
  struct view *view;                 // of the whole
  int64_t *rest_first, *part_first;  // [ranks + 1] where ranks' samples began before shares were
                                     // evened out
};

// Chooses groups of `dataset` until about `share` of the samples, in (0, 1), is held out: of the
// two numbers possible with whole groups, the nearer one, which may be none or all. With the same
// seed, a larger share contains a smaller one. `fold` 0 is the first share, 1, 2, ... are the ones
// after it; no two of them have samples in common. Owned. Collective.
struct hold_out *hold_out_choose(struct comm *comm, const struct dataset *dataset, double share,
                                 uint64_t seed, int64_t fold);
void hold_out_destroy(struct hold_out **hold_out);

// Splits a set and its view: *dataset and *view become those of the rest; *part and *part_view,
// owned by the caller, those of what is held out. Both are distributed by comm_share_first(). For a
// moment each array exists twice. Scaling and checksum of the whole set are not affected.
// Collective.
void hold_out_split(struct hold_out *hold_out, struct comm *comm, struct dataset *dataset,
                    struct view **view, struct dataset **part, struct view **part_view);

// Reunites what was split, in the original order; *part and *part_view are destroyed.
// Collective.
void hold_out_join(struct hold_out *hold_out, struct comm *comm, struct dataset *dataset,
                   struct view **view, struct dataset **part, struct view **part_view);

#endif
