// The Well (polymathic-ai.org/the_well, docs/data_format.md): scalars in /t0_fields, vectors in
// /t1_fields, tensors in /t2_fields, of axes (sample, time, space, components); the names of the
// axes in space, and coordinates, in /dimensions. Attributes say along which axes a field varies;
// one along which it does not has length 1 or is left out.
#include <stdio.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

enum { SPACE_MAX = 3, ORDERS = 3 };

static const char *const groups[ORDERS] = {"/t0_fields", "/t1_fields", "/t2_fields"};

static bool matches(const struct layout_request *request) {
  bool fields = false;
  for (int k = 0; k < ORDERS; k++) fields = fields || h5_exists(request->file, groups[k]);
  return fields && h5_exists(request->file, "/dimensions");
}

static bool varies(struct h5_file *file, const char *path, const char *along) {
  double number = 1.0;
  return h5_read_numbers(file, path, along, 1, &number, NULL) != 1 || number != 0.0;
}

static bool varies_in_space(struct h5_file *file, const char *path) {
  double varying[SPACE_MAX] = {1.0, 1.0, 1.0};
  h5_read_numbers(file, path, "dim_varying", SPACE_MAX, varying, NULL);
  return varying[0] != 0.0 && varying[1] != 0.0 && varying[2] != 0.0;
}

// All fields that vary with sample, time and space; the others describe the setup.
static void find(const struct layout_request *request, struct layout_paths *paths) {
  struct h5_file *file = request->file;
  for (int k = 0; k < ORDERS; k++) {
    int64_t count = 0;
    char(*names)[H5_NAME] = h5_members(file, groups[k], true, &count);
    for (int64_t i = 0; i < count; i++) {
      char path[H5_NAME + 16];
      snprintf(path, sizeof path, "%s/%s", groups[k], names[i]);
      if (varies(file, path, "sample_varying") && varies(file, path, "time_varying") &&
          varies_in_space(file, path))
        layout_add_path(paths, path);
    }
    memory_free(&names);
  }
}

// ---- axes ----

// What The Well says about a field.
struct field {
  int order;  // of the tensor
  bool sample, time;
  int space;
  char name[SPACE_MAX][H5_NAME];
  double varying[SPACE_MAX];
};

static void read_field(struct h5_file *file, const char *path, struct field *field) {
  *field = (struct field){.sample = varies(file, path, "sample_varying"),
                          .time = varies(file, path, "time_varying")};
  for (int k = 0; k < ORDERS; k++) {
    const size_t length = strlen(groups[k]);
    if (strncmp(path, groups[k], length) == 0 && path[length] == '/') field->order = k;
  }
  const int64_t space = h5_read_texts(file, "/dimensions", "spatial_dims", SPACE_MAX, field->name);
  field->space = space < 0 || space > SPACE_MAX ? 0 : (int)space;
  for (int a = 0; a < SPACE_MAX; a++) field->varying[a] = 1.0;
  h5_read_numbers(file, path, "dim_varying", SPACE_MAX, field->varying, NULL);
}

// False if the file has coordinates for another length, unless the field does not vary along the
// axis.
static bool name_along(struct h5_file *file, struct layout_axis *axis, const char *name,
                       enum axis_role role) {
  char path[H5_NAME + 16];
  int64_t shape[H5_AXES];
  layout_name_axis(axis, name, role);
  snprintf(path, sizeof path, "/dimensions/%s", name);
  layout_set_coordinates(file, path, axis);
  return axis->coordinates[0] != '\0' || axis->length == 1 || layout_shape(file, path, shape) != 1;
}

// Names the axes, those along which the field does not vary too if they are `kept`. False if the
// array has others.
static bool name_axes(struct h5_file *file, const struct field *field, bool kept,
                      struct layout_array *array) {
  struct layout_axis *axis = array->axis;
  int axes = 0;
  bool good = true;
  for (int a = 0; a < array->axes; a++) axis[a].coordinates[0] = '\0';
  if (field->sample || kept) layout_name_axis(&axis[axes++], "sample", AXIS_SAMPLE);
  if (field->time || kept) good = name_along(file, &axis[axes++], "time", AXIS_TIME);
  for (int a = 0; a < field->space; a++)
    if (field->varying[a] != 0.0 || kept)
      good = name_along(file, &axis[axes++], field->name[a], AXIS_SPACE) && good;
  for (int k = 0; k < field->order; k++)
    layout_name_axis(&axis[axes++], "component", AXIS_COMPONENT);
  return good && axes == array->axes;
}

static bool complain(const struct layout_request *request, const char *path,
                     const struct field *field, struct error *error) {
  char names[SPACE_MAX * H5_NAME] = "";
  for (int a = 0; a < field->space; a++)
    text_append(names, sizeof names, "%s%s", a > 0 ? ", " : "", field->name[a]);
  return error_set(error,
                   "%s: %s in %s, which is laid out as The Well, does not have the axes that its "
                   "attributes and /dimensions give it: %s%s%s%s",
                   request->key, path, h5_path(request->file), field->sample ? "sample, " : "",
                   field->time ? "time, " : "", names, field->order > 0 ? ", components" : "");
}

static bool describe(const struct layout_request *request, const char *path,
                     struct layout_array *array, struct error *error) {
  struct field field;
  read_field(request->file, path, &field);
  if (field.space == 0)
    return error_set(error,
                     "%s: /dimensions in %s, which is laid out as The Well, must have an attribute "
                     "spatial_dims with 1 to %d names",
                     request->key, h5_path(request->file), SPACE_MAX);
  return name_axes(request->file, &field, false, array) ||
         name_axes(request->file, &field, true, array) || complain(request, path, &field, error);
}

const struct layout_ops layout_well = {
    .key = "well",
    .name = "The Well",
    .needs = "groups dimensions and t0_fields, t1_fields or t2_fields",
    .matches = matches,
    .find = find,
    .describe = describe};
