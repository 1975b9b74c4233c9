// How fields are laid out in an HDF5 file: which datasets are fields, what their axes are called
// and mean, and where the coordinates are. There is one file layout_*.c per layout. For src/data
// only; what the user selects from it is handled by the view.
#ifndef GFE_LAYOUT_H
#define GFE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "data/packing.h"
#include "data/reader.h"
#include "data/view.h"
#include "ground/error.h"
#include "platform/h5.h"

// The meaning of an axis: a guess by the layout, from names and positions, which the user's input
// overrides.
enum axis_role { AXIS_SAMPLE, AXIS_TIME, AXIS_SPACE, AXIS_COMPONENT };

// Names are unique within an array; "" for a unit or standard name that the file does not give.
struct layout_axis {
  char name[VIEW_TEXT], units[VIEW_TEXT], standard_name[VIEW_TEXT];
  int64_t length;
  char coordinates[CONFIG_TEXT];  // path of a dataset with one axis, to be read by
                                  // layout_coordinates(); "" if there is none
  enum axis_role role;
};

// A dataset that is a field. If each sample has its own group, `path` has '*' in place of the name
// of the group, and the groups are the first axis.
struct layout_array {
  char path[CONFIG_TEXT];
  char name[VIEW_TEXT], units[VIEW_TEXT], standard_name[VIEW_TEXT];
  int axes;
  struct layout_axis axis[SOURCE_AXES];  // in the order of the file
  struct packing packing;
};

struct layout {
  const char *name;          // as in messages: "PDEBench", "The Well", "netCDF", "MATLAB", "plain"
  int64_t groups;            // > 0: a group per sample
  char (*group)[VIEW_TEXT];  // [groups] their names, in the order of the samples, owned
  int count;
  struct layout_array *array;  // [count], owned
  bool reversed;               // MATLAB: the first axis for the author is the last one in the file
};

// The contents of an open HDF5 file, for the fields that the user names (paths; 0: all fields of
// the layout). A field of a group per sample may be named "/*/data" or "data". `kind`: "auto", or a
// layout's key, "pdebench", "well", "netcdf", "matlab" or "plain". `key` is that of the fields for
// messages, such as "data.train.fields". Checks that each field holds numbers that this HDF5 can
// read, and that its external and virtual sources exist. Rank 0 alone. False with a message;
// otherwise *layout is owned by the caller (layout_free()).
bool layout_recognise(struct h5_file *file, const char *kind, const char *key, int fields,
                      const char *const *field, struct layout *layout, struct error *error);
void layout_free(struct layout *layout);

// The path of an array in group `group`, or array->path itself if there are no groups.
void layout_path(const struct layout *layout, const struct layout_array *array, int64_t group,
                 char path[CONFIG_TEXT]);

// The coordinates of an axis, [axis->length], owned; NULL if the file has none that can be read, or
// more than 2^24. A dataset with one number too many is truncated (time) or contains the edges of
// cells (space), whose midpoints are then taken.
double *layout_coordinates(struct h5_file *file, const struct layout_axis *axis);

#endif
