// PDEBench's three layouts (arXiv 2210.07182, Appendix): one dataset `tensor`; fields side by side
// (density, pressure, Vx, ...), both with x-coordinate, y-coordinate, ..., t-coordinate beside
// them; and a group per sample, "0000/data" with "0000/grid/x", ... . Samples come first, then time
// if there is one, then space; components of what a group holds are last. The time has one entry
// more than the fields in some files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

enum { SPACE_MAX = 3 };

// ---- which of the three ----

static bool has_dataset(struct h5_file *file, const char *path) {
  int64_t shape[H5_AXES];
  return layout_shape(file, path, shape) > 0;
}

static bool has_coordinates(struct h5_file *file) {
  return has_dataset(file, "/x-coordinate") || has_dataset(file, "/t-coordinate");
}

static bool is_tensor(struct h5_file *file) {
  return has_dataset(file, "/tensor") && (has_coordinates(file) || has_dataset(file, "/nu"));
}

// Whether the group of a sample has a dataset; `path` may begin with "/*/".
static bool has_in_group(struct h5_file *file, const char *group, const char *path) {
  char whole[CONFIG_TEXT + H5_NAME];
  if (strncmp(path, "/*/", 3) == 0) path += 2;
  snprintf(whole, sizeof whole, "/%s%s%s", group, path[0] == '/' ? "" : "/", path);
  return has_dataset(file, whole);
}

// Whether the first group of the file has a grid and all the fields, and these are not found in the
// root group.
static bool is_grouped(const struct layout_request *request) {
  static const char *const usual[] = {"data"};
  const int fields = request->fields > 0 ? request->fields : 1;
  const char *const *field = request->fields > 0 ? request->field : usual;
  int64_t count = 0, held = 0;
  char(*names)[H5_NAME] = h5_members(request->file, "/", false, &count);
  char grid[H5_NAME + 8] = "";
  if (count > 0) snprintf(grid, sizeof grid, "/%s/grid", names[0]);
  bool grouped = count > 0;
  if (grouped) {
    char(*inside)[H5_NAME] = h5_members(request->file, grid, true, &held);
    memory_free(&inside);
  }
  grouped = grouped && held > 0;
  for (int i = 0; grouped && i < fields; i++)
    grouped =
        !has_dataset(request->file, field[i]) && has_in_group(request->file, names[0], field[i]);
  memory_free(&names);
  return grouped;
}

// ---- fields ----

static bool matches(const struct layout_request *request) {
  return has_coordinates(request->file) || is_tensor(request->file) || is_grouped(request);
}

static bool is_coordinate(const char *path) {
  const size_t length = strlen(path), suffix = strlen("-coordinate");
  return length > suffix && strcmp(path + length - suffix, "-coordinate") == 0;
}

static void find(const struct layout_request *request, struct layout_paths *paths) {
  if (is_tensor(request->file)) {
    layout_add_path(paths, "/tensor");
    return;
  }
  if (is_grouped(request)) {
    layout_add_path(paths, "/*/data");
    return;
  }
  struct layout_paths all = {0};
  layout_root_paths(request->file, 2, &all);
  for (int64_t i = 0; i < all.count; i++)
    if (!is_coordinate(all.path[i])) layout_add_path(paths, all.path[i]);
  memory_free(&all.path);
  layout_keep_largest(request->file, paths);
}

// ---- groups ----

static bool is_number(const char *name) { return strspn(name, "0123456789") == strlen(name); }

// Numeric names in numerical order, followed by other names in alphabetical order.
static int compare(const void *a, const void *b) {
  const char *first = a, *second = b;
  if (is_number(first) != is_number(second)) return is_number(first) ? -1 : 1;
  const char *x = first + strspn(first, "0"), *y = second + strspn(second, "0");
  if (is_number(first) && strlen(x) != strlen(y)) return strlen(x) < strlen(y) ? -1 : 1;
  const int order = is_number(first) ? strcmp(x, y) : 0;
  return order != 0 ? order : strcmp(first, second);
}

// Whether a group holds a sample: one without the fields does not, unless its name is a number as
// those of samples are.
static bool holds_sample(const struct layout_request *request, const char *name) {
  const char *field = request->fields > 0 ? request->field[0] : "data";
  return is_number(name) || has_in_group(request->file, name, field);
}

static bool find_groups(const struct layout_request *request, struct layout *layout,
                        struct error *error) {
  if (is_tensor(request->file) || !is_grouped(request)) return true;
  int64_t count = 0;
  bool good = true;
  char(*names)[H5_NAME] = h5_members(request->file, "/", false, &count);
  layout->group = memory_allocate((size_t)count, VIEW_TEXT);
  for (int64_t i = 0; good && i < count; i++) {
    if (!holds_sample(request, names[i])) continue;
    if (strlen(names[i]) >= VIEW_TEXT)
      good = error_set(error, "%s: the name of the group %s in %s has more than %d letters",
                       request->key, names[i], h5_path(request->file), VIEW_TEXT - 1);
    snprintf(layout->group[layout->groups++], VIEW_TEXT, "%.*s", VIEW_TEXT - 1, names[i]);
  }
  memory_free(&names);
  qsort(layout->group, (size_t)layout->groups, VIEW_TEXT, compare);
  return good;
}

// ---- axes ----

// Where the coordinates of a field are: along x, y and z, if given, and time.
struct grid {
  int space;
  char time[CONFIG_TEXT], along[SPACE_MAX][CONFIG_TEXT];
};

// Beside the field, as "x-coordinate"; or in the group "grid" beside it, as "x".
static void place_of(const char *path, bool grouped, char letter, char place[CONFIG_TEXT]) {
  const int parent = (int)(layout_base(path) - path);
  if (grouped)
    snprintf(place, CONFIG_TEXT, "%.*sgrid/%c", parent, path, letter);
  else
    snprintf(place, CONFIG_TEXT, "%.*s%c-coordinate", parent, path, letter);
}

static void find_grid(struct h5_file *file, const char *path, bool grouped, struct grid *grid) {
  grid->space = 0;
  place_of(path, grouped, 't', grid->time);
  for (int a = 0; a < SPACE_MAX; a++) {
    place_of(path, grouped, "xyz"[a], grid -> along[a]);
    if (!has_dataset(file, grid->along[a])) break;
    grid->space++;
  }
}

// Whether as many coordinates, or one more, are given as an axis is long; -1 if none are given.
static int fits(struct h5_file *file, const char *coordinates, int64_t length) {
  int64_t shape[H5_AXES];
  if (layout_shape(file, coordinates, shape) != 1) return -1;
  return shape[0] == length || shape[0] - 1 == length;
}

// The axes behind the first as `order` has them: s all of space, t time, c components. False if
// their number or lengths are not those of the array. An axis of length 1 is not time unless times
// are given.
static bool arrange(struct h5_file *file, const struct grid *grid, int space, const char *order,
                    struct layout_array *array) {
  if ((int)strlen(order) - 1 + space != array->axes - 1) return false;
  struct layout_axis *axis = &array->axis[1];
  for (const char *at = order; *at != '\0'; at++) {
    if (*at == 't') {
      const int given = fits(file, grid->time, axis->length);
      if (given == 0 || (given < 0 && axis->length == 1)) return false;
      layout_name_axis(axis++, "time", AXIS_TIME);
    } else if (*at == 'c') {
      layout_name_axis(axis++, "component", AXIS_COMPONENT);
    }
    for (int a = 0; *at == 's' && a < space; a++) {
      const char name[] = {"xyz"[a], '\0'};
      if (fits(file, grid->along[a], axis->length) == 0) return false;
      layout_name_axis(axis++, name, AXIS_SPACE);
    }
  }
  return true;
}

static void set_coordinates(struct h5_file *file, const struct grid *grid,
                            struct layout_array *array) {
  for (int a = 1, along = 0; a < array->axes; a++) {
    struct layout_axis *axis = &array->axis[a];
    if (axis->role == AXIS_TIME) layout_set_coordinates(file, grid->time, axis);
    if (axis->role == AXIS_SPACE) layout_set_coordinates(file, grid->along[along++], axis);
  }
}

static bool describe(const struct layout_request *request, const char *path,
                     struct layout_array *array, struct error *error) {
  static const char *const orders[] = {"s", "ts", "cs", "sc", "tsc", "tcs"};
  struct grid grid;
  find_grid(request->file, path, strncmp(array->path, "/*/", 3) == 0, &grid);
  // Without coordinates (Darcy flow), all axes are spatial except one of length 1.
  const bool channel = array->axes > 2 && array->axis[1].length == 1;
  const int space = grid.space > 0 ? grid.space : array->axes - 1 - channel;
  layout_name_axis(&array->axis[0], "sample", AXIS_SAMPLE);
  for (size_t i = 0; space <= SPACE_MAX && i < LENGTH(orders); i++) {
    if (!arrange(request->file, &grid, space, orders[i], array)) continue;
    set_coordinates(request->file, &grid, array);
    return true;
  }
  return error_set(error,
                   "%s: %s in %s, which is laid out as PDEBench, has %d axes whose lengths do not "
                   "match its coordinates in %d dimensions; with layout: plain, the axes can be "
                   "named",
                   request->key, path, h5_path(request->file), array->axes, grid.space);
}

const struct layout_ops layout_pdebench = {
    .key = "pdebench",
    .name = "PDEBench",
    .needs = "x-coordinate, tensor and nu, or a group per sample with data and grid",
    .matches = matches,
    .find = find,
    .find_groups = find_groups,
    .describe = describe};
