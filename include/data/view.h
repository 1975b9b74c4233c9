// The structure of a set's samples: which axes number them, their channels, and their axes in
// space. A view is resolved once, when the set is opened (dataset_open()); all code that shows,
// scales or measures samples consults it.
#ifndef GFE_VIEW_H
#define GFE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/comm.h"

enum { VIEW_AXES = 8, VIEW_TEXT = 64, VIEW_FIELDS = 256 };

// Names as in the data file, made unique; "" for a unit or standard name that is not given there.
struct view_axis {
  char name[VIEW_TEXT], units[VIEW_TEXT], standard_name[VIEW_TEXT];
  int64_t length;         // of the selection
  int64_t first, stride;  // in the data: the first place, and the step from one to the next
  double *coordinates;    // [length], owned; NULL if the file has none
};

struct view_channel {
  char name[VIEW_TEXT], units[VIEW_TEXT], standard_name[VIEW_TEXT];
};

// The entries of a sample lie in the order (channel, space[0], space[1], ...), the last one
// fastest.
struct view {
  char layout[VIEW_TEXT];  // of the files, such as "PDEBench"; "" where there is none to recognise
  char fields[VIEW_FIELDS];  // their paths in the files, such as "/*/data"; "" likewise
  // Axes that number the samples, such as (trajectory, time), the last one fastest; a single axis,
  // along all samples, where these do not form a full grid (classes, subsets).
  int numbering_axes;
  struct view_axis numbering[VIEW_AXES];
  bool has_channel_axis;  // the samples' shape begins with the channels; if not, there is one
  int64_t channels;
  struct view_channel *channel;  // [channels], owned
  int space_axes;
  struct view_axis space[VIEW_AXES];
};

// The view of samples of which only the shape is known: one channel `name`, space axes
// axis_0, axis_1, ..., numbered by `sample`. Owned.
struct view *view_plain(const char *name, int64_t samples, int axes, const int64_t *shape);

// Gives all ranks the view of rank 0 (NULL on the others); owned. Collective.
struct view *view_broadcast(struct comm *comm, struct view *view);

// A copy for `samples` of the samples, in order, which no longer form a grid; owned.
struct view *view_part(const struct view *view, int64_t samples);
void view_destroy(struct view **view);

// Number of entries of one channel, and of a whole sample.
size_t view_channel_entries(const struct view *view);
size_t view_entries(const struct view *view);

// The channel of an entry of a sample.
size_t view_channel_of(const struct view *view, size_t entry);

#endif
