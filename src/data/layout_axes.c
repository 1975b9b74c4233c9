// What names, units and attributes say about axes, and which datasets could be fields: the code
// shared by the layouts.
#include <stdio.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

// ---- texts ----

// Bytes of the UTF-8 character at `text`, 0 if there is none that can be shown.
static size_t character(const unsigned char *text) {
  const unsigned char first = text[0];
  if (first >= ' ' && first < 0x7F) return 1;
  const size_t bytes = first >= 0xF0 && first < 0xF5   ? 4
                       : first >= 0xE0 && first < 0xF0 ? 3
                       : first >= 0xC2 && first < 0xE0 ? 2
                                                       : 0;
  for (size_t i = 1; i < bytes; i++)
    if ((text[i] & 0xC0) != 0x80) return 0;
  if ((first == 0xC2 && text[1] < 0xA0) ||  // control characters
      (first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] >= 0xA0) ||
      (first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] >= 0x90))
    return 0;
  return bytes;
}

void layout_copy(const char *text, char copy[VIEW_TEXT]) {
  size_t length = 0;
  while (*text != '\0') {
    const size_t bytes = character((const unsigned char *)text), step = bytes > 0 ? bytes : 1;
    if (length + step >= VIEW_TEXT) break;
    if (bytes > 0)
      memcpy(copy + length, text, bytes);
    else
      copy[length] = '?';
    length += step;
    text += step;
  }
  while (length > 0 && copy[length - 1] == ' ') length--;
  copy[length] = '\0';
}

const char *layout_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

// ---- axes ----

void layout_name_axis(struct layout_axis *axis, const char *name, enum axis_role role) {
  layout_copy(name, axis->name);
  axis->role = role;
}

static void read_text(struct h5_file *file, const char *path, const char *name,
                      char text[VIEW_TEXT]) {
  char found[H5_NAME] = "";
  if (h5_read_texts(file, path, name, 1, &found) >= 1) layout_copy(found, text);
}

void layout_set_coordinates(struct h5_file *file, const char *path, struct layout_axis *axis) {
  int64_t shape[H5_AXES];
  if (layout_shape(file, path, shape) != 1 ||
      (shape[0] != axis->length && shape[0] - 1 != axis->length))
    return;
  snprintf(axis->coordinates, sizeof axis->coordinates, "%s", path);
  read_text(file, path, "units", axis->units);
  read_text(file, path, "standard_name", axis->standard_name);
}

// Words, regardless of case, that give the meaning of an axis.
static const char *const samples[] = {
    "sample",     "samples", "n",          "realization", "realisation", "member",
    "ensemble",   "number",  "trajectory", "traj",        "case",        "run",
    "simulation", "sim",     "batch",      "snapshot",    "experiment",  "instance"};
static const char *const times[] = {"time", "t", "times", "step", "timestep", "time_step", "date"};
static const char *const spaces[] = {"x",
                                     "y",
                                     "z",
                                     "lat",
                                     "lon",
                                     "latitude",
                                     "longitude",
                                     "rlat",
                                     "rlon",
                                     "lev",
                                     "level",
                                     "plev",
                                     "depth",
                                     "height",
                                     "altitude",
                                     "r",
                                     "theta",
                                     "phi",
                                     "row",
                                     "rows",
                                     "column",
                                     "columns",
                                     "col",
                                     "i",
                                     "j",
                                     "k",
                                     "nx",
                                     "ny",
                                     "nz",
                                     "easting",
                                     "northing",
                                     "width",
                                     "pressure",
                                     "grid_latitude",
                                     "grid_longitude",
                                     "projection_x_coordinate",
                                     "projection_y_coordinate",
                                     "air_pressure"};
static const char *const components[] = {"component", "components", "channel",  "channels",
                                         "comp",      "c",          "variable", "vector"};

static bool is_among(const char *word, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (text_same_word(word, words[i])) return true;
  return false;
}

static bool role_of_word(const char *word, enum axis_role *role) {
  const struct {
    const char *const *words;
    size_t count;
    enum axis_role role;
  } lists[] = {{samples, LENGTH(samples), AXIS_SAMPLE},
               {times, LENGTH(times), AXIS_TIME},
               {spaces, LENGTH(spaces), AXIS_SPACE},
               {components, LENGTH(components), AXIS_COMPONENT}};
  for (size_t i = 0; word[0] != '\0' && i < LENGTH(lists); i++) {
    if (!is_among(word, lists[i].words, lists[i].count)) continue;
    *role = lists[i].role;
    return true;
  }
  return false;
}

// The attribute `axis` of a coordinate variable is one of T, X, Y and Z (CF 1.8, 4); a unit of time
// has a reference (4.4).
bool layout_guess_role(struct h5_file *file, struct layout_axis *axis) {
  char letter[VIEW_TEXT] = "";
  axis->role = AXIS_SPACE;
  if (axis->coordinates[0] != '\0') read_text(file, axis->coordinates, "axis", letter);
  if (text_same_word(letter, "T") || strstr(axis->units, " since ") != NULL) {
    axis->role = AXIS_TIME;
    return true;
  }
  const bool in_space =
      letter[0] != '\0' && letter[1] == '\0' && strchr("XYZxyz", letter[0]) != NULL;
  return in_space || role_of_word(axis->standard_name, &axis->role) ||
         role_of_word(axis->name, &axis->role);
}

void layout_guess_roles(struct h5_file *file, struct layout_array *array, int first) {
  bool numbered = false, first_is_known = false;
  for (int a = 0; a < array->axes; a++) {
    struct layout_axis *axis = &array->axis[a];
    const bool known = layout_guess_role(file, axis);
    numbered = numbered || axis->role == AXIS_SAMPLE || axis->role == AXIS_TIME;
    if (a == first) first_is_known = known;
  }
  if (!numbered && !first_is_known) array->axis[first].role = AXIS_SAMPLE;
}

// ---- datasets that could be fields ----

int layout_shape(struct h5_file *file, const char *path, int64_t shape[H5_AXES]) {
  struct error ignored = {""};
  int axes = 0, bytes = 0;
  if (h5_number_kind(file, path, &bytes) == 0) return 0;  // spares the search for its message
  return h5_shape(file, path, "", &axes, shape, &ignored) ? axes : 0;
}

void layout_add_path(struct layout_paths *paths, const char *path) {
  if (paths->count == paths->room) {
    paths->room = 2 * paths->room + 8;
    char(*more)[CONFIG_TEXT] = memory_allocate((size_t)paths->room, CONFIG_TEXT);
    if (paths->count > 0) memcpy(more, paths->path, (size_t)paths->count * CONFIG_TEXT);
    memory_free(&paths->path);
    paths->path = more;
  }
  snprintf(paths->path[paths->count++], CONFIG_TEXT, "%s", path);
}

void layout_root_paths(struct h5_file *file, int axes, struct layout_paths *paths) {
  int64_t count = 0, shape[H5_AXES];
  char(*names)[H5_NAME] = h5_members(file, "/", true, &count);
  for (int64_t i = 0; i < count; i++) {
    char path[H5_NAME + 1];
    snprintf(path, sizeof path, "/%s", names[i]);
    if (layout_shape(file, path, shape) >= axes) layout_add_path(paths, path);
  }
  memory_free(&names);
}

void layout_keep_largest(struct h5_file *file, struct layout_paths *paths) {
  int64_t kept = 0, first[H5_AXES], shape[H5_AXES];
  int most = 0;
  bool same = true;
  for (int64_t i = 0; i < paths->count; i++) {
    const int axes = layout_shape(file, paths->path[i], shape);
    if (axes > most) kept = 0;
    if (axes < most) continue;
    if (axes > most) memcpy(first, shape, sizeof first);
    same = axes > most || (same && memcmp(first, shape, (size_t)axes * sizeof *shape) == 0);
    most = axes;
    if (kept != i) memcpy(paths->path[kept], paths->path[i], CONFIG_TEXT);
    kept++;
  }
  paths->count = same ? kept : 0;
}
