// Definitions shared by the layouts: a row of the table, and the request to it.
#ifndef GFE_LAYOUT_INTERNAL_H
#define GFE_LAYOUT_INTERNAL_H

#include "data/layout.h"

// The request to layout_recognise().
struct layout_request {
  struct h5_file *file;
  const char *key;
  int fields;
  const char *const *field;
};

// Paths of datasets, an owned list; {0} is empty.
struct layout_paths {
  int64_t count, room;
  char (*path)[CONFIG_TEXT];
};

struct layout_ops {
  const char *key, *name;  // in the input file; in messages
  const char *needs;       // what a file must have for it, for the message; NULL: nothing

  // Whether the file, for these fields, is laid out so.
  bool (*matches)(const struct layout_request *request);

  // Fills `paths` with the fields of the file if the user names none; if they are not clear, it
  // stays empty. May also fill layout->group.
  void (*find)(const struct layout_request *request, struct layout_paths *paths);

  // Whether each sample has a group of its own; then fills layout->group. NULL: never.
  bool (*find_groups)(const struct layout_request *request, struct layout *layout,
                      struct error *error);

  // Names the axes of an array whose path, name and lengths are known. If there are groups, `path`
  // is in the first, and the axis of the groups already exists and is called "sample".
  bool (*describe)(const struct layout_request *request, const char *path,
                   struct layout_array *array, struct error *error);
};

extern const struct layout_ops layout_matlab, layout_well, layout_pdebench, layout_netcdf,
    layout_plain;

// ---- for layouts ----

// Copies a text from the file, truncated to fit: anything that is not UTF-8, or is a control
// character, becomes '?', so that it can be shown and written.
void layout_copy(const char *text, char copy[VIEW_TEXT]);

// The last part of a path.
const char *layout_base(const char *path);

// Sets the name and role of an axis.
void layout_name_axis(struct layout_axis *axis, const char *name, enum axis_role role);

// Gives an axis the coordinates of a dataset if that has one axis as long as it, or one longer, and
// with them its units and standard name.
void layout_set_coordinates(struct h5_file *file, const char *path, struct layout_axis *axis);

// The role suggested by the name, units and standard name of an axis. False if they suggest none.
bool layout_guess_role(struct h5_file *file, struct layout_axis *axis);

// The roles of the axes of an array that its layout does not give: what the names say, and if none
// numbers samples, the axis `first` does, unless its name says that it is along something else.
void layout_guess_roles(struct h5_file *file, struct layout_array *array, int first);

// Adds a path to a list; datasets of the root group that hold numbers and have at least `axes`
// axes.
void layout_add_path(struct layout_paths *paths, const char *path);
void layout_root_paths(struct h5_file *file, int axes, struct layout_paths *paths);

// Keeps those with the most axes if they all have the same shape, otherwise none.
void layout_keep_largest(struct h5_file *file, struct layout_paths *paths);

// Lengths of a dataset's axes; 0 axes if there is no dataset of numbers.
int layout_shape(struct h5_file *file, const char *path, int64_t shape[H5_AXES]);

#endif
