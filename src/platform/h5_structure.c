// The structure around the numbers of an HDF5 file: members of groups, axes and their scales, types
// and fill values.
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "platform/h5.h"
#include "platform/h5_file.h"

// ---- members of a group ----

struct members {
  H5I_type_t wanted;
  int64_t count, room;
  char (*names)[H5_NAME];
};

static void make_room(struct members *members) {
  if (members->count < members->room) return;
  members->room = 2 * members->room + 16;
  char(*more)[H5_NAME] = memory_allocate((size_t)members->room, H5_NAME);
  if (members->count > 0) memcpy(more, members->names, (size_t)members->count * H5_NAME);
  memory_free(&members->names);
  members->names = more;
}

static herr_t add_member(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  (void)info;
  struct members *members = data;
  const hid_t object = strlen(name) < H5_NAME ? H5Oopen(group, name, H5P_DEFAULT) : -1;
  if (object < 0) return 0;  // a link to nothing
  const bool wanted = H5Iget_type(object) == members->wanted;
  H5Oclose(object);
  if (!wanted) return 0;
  make_room(members);
  snprintf(members->names[members->count++], H5_NAME, "%s", name);
  return 0;
}

char (*h5_members(struct h5_file *file, const char *group, bool datasets,
                  int64_t *count))[H5_NAME] {
  struct members members = {datasets ? H5I_DATASET : H5I_GROUP, 0, 0, NULL};
  h5_guard(file);
  const hid_t id = H5Gopen2(file->id, group, H5P_DEFAULT);
  if (id >= 0) {
    H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, NULL, add_member, &members);
    H5Gclose(id);
  }
  h5_unguard(file);
  *count = members.count;
  return members.names;
}

// ---- axes ----

// Opens the first dataset that an axis refers to, in the way of netCDF-4 and HDF5's dimension
// scales: the attribute DIMENSION_LIST holds a list of references for each axis. Negative if there
// is none.
// HDF5's own functions are not used, as they rely on the attribute having that type.
static hid_t open_scale(hid_t dataset, int axes, int axis) {
  hid_t scale = -1;
  if (H5Aexists(dataset, "DIMENSION_LIST") <= 0) return scale;
  const hid_t attribute = H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const hid_t entry = H5Tget_class(type) == H5T_VLEN ? H5Tget_super(type) : -1;
  hvl_t lists[H5_AXES];
  if (entry >= 0 && H5Tequal(entry, H5T_STD_REF_OBJ) > 0 && axes <= H5_AXES &&
      H5Sget_simple_extent_npoints(space) == axes && H5Aread(attribute, type, lists) >= 0) {
    if (lists[axis].len > 0)
      scale = H5Rdereference2(dataset, H5P_DEFAULT, H5R_OBJECT, lists[axis].p);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, lists);
  }
  if (entry >= 0) H5Tclose(entry);
  H5Sclose(space);
  H5Tclose(type);
  H5Aclose(attribute);
  if (scale < 0 || H5Iget_type(scale) == H5I_DATASET) return scale;
  H5Oclose(scale);
  return -1;
}

// Fills found->scale and found->values from an open scale.
static void describe_scale(struct h5_file *file, hid_t scale, struct h5_axis *found) {
  static const char no_values[] = "This is a netCDF dimension but not a netCDF variable";
  const ssize_t length = H5Iget_name(scale, found->scale, sizeof found->scale);
  if (length <= 0 || (size_t)length >= sizeof found->scale) {
    found->scale[0] = '\0';
    return;
  }
  char name[H5_NAME] = "";
  h5_read_texts(file, found->scale, "NAME", 1, &name);
  found->values = strncmp(name, no_values, strlen(no_values)) != 0;
}

static void read_label(struct h5_file *file, const char *dataset, int axes, int axis,
                       char label[64]) {
  char labels[H5_AXES][H5_NAME] = {""};
  if (h5_read_texts(file, dataset, "DIMENSION_LABELS", H5_AXES, labels) == axes)
    snprintf(label, 64, "%.63s", labels[axis]);
}

bool h5_read_axis(struct h5_file *file, const char *dataset, int axis, struct h5_axis *found) {
  *found = (struct h5_axis){"", "", false};
  int axes = 0;
  hsize_t lengths[H5_AXES];
  h5_guard(file);
  const hid_t id = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  const bool good = id >= 0 && h5_extent(id, &axes, lengths) && axis >= 0 && axis < axes;
  if (good) {
    const hid_t scale = open_scale(id, axes, axis);
    if (scale >= 0) {
      describe_scale(file, scale, found);
      H5Dclose(scale);
    }
    read_label(file, dataset, axes, axis, found->label);
  }
  if (id >= 0) H5Dclose(id);
  h5_unguard(file);
  return good;
}

bool h5_is_scale(struct h5_file *file, const char *dataset) {
  char class[H5_NAME] = "";
  return h5_read_texts(file, dataset, "CLASS", 1, &class) == 1 &&
         strcmp(class, "DIMENSION_SCALE") == 0;
}

// ---- types and fill values ----

char h5_number_kind(struct h5_file *file, const char *dataset, int *bytes) {
  char kind = 0;
  h5_guard(file);
  const hid_t id = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  if (id >= 0) {
    const hid_t type = H5Dget_type(id);
    kind = h5_kind_of(type, bytes);
    H5Tclose(type);
    H5Dclose(id);
  }
  h5_unguard(file);
  return kind;
}

bool h5_fill_value(struct h5_file *file, const char *dataset, double *value) {
  bool good = false;
  int bytes = 0;
  h5_guard(file);
  const hid_t id = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  if (id >= 0) {
    const hid_t properties = H5Dget_create_plist(id), type = H5Dget_type(id);
    H5D_fill_value_t status = H5D_FILL_VALUE_UNDEFINED;
    good = h5_kind_of(type, &bytes) != 0 && H5Tget_class(type) != H5T_BITFIELD &&
           H5Pfill_value_defined(properties, &status) >= 0 &&
           status == H5D_FILL_VALUE_USER_DEFINED &&
           H5Pget_fill_value(properties, H5T_NATIVE_DOUBLE, value) >= 0;
    H5Tclose(type);
    H5Pclose(properties);
    H5Dclose(id);
  }
  h5_unguard(file);
  return good;
}
