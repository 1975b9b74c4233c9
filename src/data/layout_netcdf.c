// netCDF-4 with the CF conventions: dimensions have names and often coordinates, through HDF5's
// dimension scales; the attributes of a variable give its units and how it is packed.
#include <stdio.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"

static bool has_scales(struct h5_file *file, const char *path) {
  return h5_has_attribute(file, path, "DIMENSION_LIST");
}

static bool matches(const struct layout_request *request) {
  for (int i = 0; i < request->fields; i++)
    if (has_scales(request->file, request->field[i])) return true;
  if (request->fields > 0) return false;
  struct layout_paths paths = {0};
  layout_root_paths(request->file, 1, &paths);
  bool found = false;
  for (int64_t i = 0; !found && i < paths.count; i++)
    found = has_scales(request->file, paths.path[i]);
  memory_free(&paths.path);
  return found;
}

// ---- variables that are not fields ----

// Whether `name` is one of the words of a text such as "lat lon" or "area: cell_area".
static bool has_word(const char *text, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name))
    if ((at == text || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' ')) return true;
  return false;
}

// The attributes by which variables name others as their bounds, coordinates, ... (CF 1.8, 3.4, 5,
// 7).
static void list_mentions(struct h5_file *file, const struct layout_paths *all,
                          struct layout_paths *mentions) {
  static const char *const attributes[] = {"bounds", "coordinates", "ancillary_variables",
                                           "cell_measures", "grid_mapping"};
  for (int64_t i = 0; i < all->count; i++)
    for (size_t k = 0; k < sizeof attributes / sizeof *attributes; k++) {
      char text[H5_NAME];
      if (h5_read_texts(file, all->path[i], attributes[k], 1, &text) == 1)
        layout_add_path(mentions, text);
    }
}

static bool is_mentioned(const struct layout_paths *mentions, const char *path) {
  for (int64_t i = 0; i < mentions->count; i++)
    if (has_word(mentions->path[i], layout_base(path))) return true;
  return false;
}

static void find(const struct layout_request *request, struct layout_paths *paths) {
  struct layout_paths all = {0}, mentions = {0};
  layout_root_paths(request->file, 1, &all);
  list_mentions(request->file, &all, &mentions);
  for (int64_t i = 0; i < all.count; i++)
    if (!h5_is_scale(request->file, all.path[i]) && !is_mentioned(&mentions, all.path[i]))
      layout_add_path(paths, all.path[i]);
  memory_free(&mentions.path);
  memory_free(&all.path);
  layout_keep_largest(request->file, paths);
}

// ---- axes ----

// netCDF's name of a dimension: that of its scale. A variable that has the name of a dimension, but
// is not its coordinates, is stored behind a prefix.
static const char *name_of(const struct h5_axis *found) {
  static const char prefix[] = "_nc4_non_coord_";
  const char *name = layout_base(found->scale);
  if (strncmp(name, prefix, strlen(prefix)) == 0) name += strlen(prefix);
  return name[0] != '\0' ? name : found->label;
}

static bool describe(const struct layout_request *request, const char *path,
                     struct layout_array *array, struct error *error) {
  (void)error;
  for (int a = 0; a < array->axes; a++) {
    struct h5_axis found;
    struct layout_axis *axis = &array->axis[a];
    char number[VIEW_TEXT];
    snprintf(number, sizeof number, "axis_%d", a);
    const char *name = h5_read_axis(request->file, path, a, &found) ? name_of(&found) : "";
    layout_name_axis(axis, name[0] != '\0' ? name : number, AXIS_SPACE);
    if (found.values) layout_set_coordinates(request->file, found.scale, axis);
  }
  layout_guess_roles(request->file, array, 0);
  return true;
}

const struct layout_ops layout_netcdf = {
    .key = "netcdf", .name = "netCDF", .matches = matches, .find = find, .describe = describe};
