#include "data/layout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

// The first that fits is taken.
static const struct layout_ops *const layouts[] = {
    &layout_matlab, &layout_well, &layout_pdebench, &layout_netcdf, &layout_plain,
};

// ---- which layout ----

static const struct layout_ops *find_layout(const char *kind) {
  for (size_t i = 0; i < LENGTH(layouts); i++)
    if (text_same_word(kind, layouts[i]->key)) return layouts[i];
  return NULL;
}

static const struct layout_ops *choose(const struct layout_request *request, const char *kind,
                                       struct error *error) {
  const struct layout_ops *wanted = find_layout(kind);
  if (wanted != NULL && wanted->needs != NULL && !wanted->matches(request)) {
    error_set(error, "%s: the layout %s needs %s, which %s does not have", request->key,
              wanted->key, wanted->needs, h5_path(request->file));
    return NULL;
  }
  for (size_t i = 0; wanted == NULL && i < LENGTH(layouts); i++)
    if (layouts[i]->matches(request)) wanted = layouts[i];
  return wanted;
}

// ---- which fields ----

static bool find_paths(const struct layout_ops *ops, const struct layout_request *request,
                       struct layout_paths *paths, struct error *error) {
  for (int i = 0; i < request->fields; i++) {
    char path[CONFIG_TEXT];
    const char *given = request->field[i];
    snprintf(path, sizeof path, "%s%.*s", given[0] == '/' ? "" : "/", CONFIG_TEXT - 2, given);
    layout_add_path(paths, path);
  }
  if (request->fields == 0) ops->find(request, paths);
  if (paths->count > 0) return true;
  char list[2048];
  h5_list(request->file, "", list, sizeof list);
  return error_set(error, "%s: say which datasets of %s are the fields; %s", request->key,
                   h5_path(request->file), list);
}

// ---- fields ----

static void read_text(struct h5_file *file, const char *path, const char *name,
                      char text[VIEW_TEXT]) {
  char found[H5_NAME] = "";
  h5_read_texts(file, path, name, 1, &found);
  layout_copy(found, text);
}

// Whether an axis before `a` has the name of `a`.
static bool is_taken(const struct layout_array *array, int a) {
  for (int b = 0; b < a; b++)
    if (strcmp(array->axis[a].name, array->axis[b].name) == 0) return true;
  return false;
}

_Static_assert((int)SOURCE_AXES <= 9, "one digit numbers the axes of a name");

// Later axes with the same name get a number.
static void make_unique(struct layout_array *array) {
  for (int a = 1; a < array->axes; a++) {
    char *name = array->axis[a].name;
    size_t length = strlen(name);
    if (length > VIEW_TEXT - 4) length = VIEW_TEXT - 4;
    while (((unsigned char)name[length] & 0xC0) == 0x80) length--;  // not inside a character
    for (char digit = '2'; is_taken(array, a); digit++) {
      name[length] = '_';
      name[length + 1] = digit;
      name[length + 2] = '\0';
    }
  }
}

// Everything about a field except the meaning of its axes. `path`: that of the dataset itself.
static bool read_array(const struct layout_request *request, const char *path, int64_t groups,
                       struct layout_array *array, struct error *error) {
  int64_t shape[H5_AXES];
  int axes = 0;
  if (!h5_shape(request->file, path, request->key, &axes, shape, error) ||
      !h5_check_sources(request->file, path, request->key, error) ||
      !packing_read(request->file, path, request->key, &array->packing, error))
    return false;
  if (axes == 0)
    return error_set(error, "%s: dataset %s in %s is a single number; a field has axes",
                     request->key, path, h5_path(request->file));
  layout_copy(layout_base(path), array->name);
  read_text(request->file, path, "units", array->units);
  read_text(request->file, path, "standard_name", array->standard_name);
  if (groups > 0) {
    layout_name_axis(&array->axis[array->axes], "sample", AXIS_SAMPLE);
    array->axis[array->axes++].length = groups;
  }
  for (int a = 0; a < axes; a++) array->axis[array->axes++].length = shape[a];
  return true;
}

// Whether the field has the same shape in all groups, and all its numbers are available.
static bool check_groups(const struct layout_request *request, const struct layout *layout,
                         const struct layout_array *array, struct error *error) {
  for (int64_t g = 1; g < layout->groups; g++) {
    char path[CONFIG_TEXT];
    int64_t shape[H5_AXES];
    int axes = 0;
    layout_path(layout, array, g, path);
    if (!h5_shape(request->file, path, request->key, &axes, shape, error) ||
        !h5_check_sources(request->file, path, request->key, error))
      return false;
    bool same = axes == array->axes - 1;
    for (int a = 0; same && a < axes; a++) same = shape[a] == array->axis[a + 1].length;
    if (!same)
      return error_set(error,
                       "%s: %s in %s has a different shape than in the group %s; all samples "
                       "must have the same shape",
                       request->key, path, h5_path(request->file), layout->group[0]);
  }
  return true;
}

static bool add_array(const struct layout_ops *ops, const struct layout_request *request,
                      const char *given, struct layout *layout, struct error *error) {
  struct layout_array *array = &layout->array[layout->count++];
  char path[CONFIG_TEXT];
  const bool starred = layout->groups == 0 || strncmp(given, "/*/", 3) == 0;
  snprintf(array->path, sizeof array->path, "%s%.*s", starred ? "" : "/*", CONFIG_TEXT - 3, given);
  layout_path(layout, array, 0, path);
  if (!read_array(request, path, layout->groups, array, error) ||
      !check_groups(request, layout, array, error) || !ops->describe(request, path, array, error))
    return false;
  make_unique(array);
  return true;
}

// ---- the file ----

bool layout_recognise(struct h5_file *file, const char *kind, const char *key, int fields,
                      const char *const *field, struct layout *layout, struct error *error) {
  const struct layout_request request = {file, key, fields, field};
  struct layout_paths paths = {0};
  *layout = (struct layout){.name = ""};
  const struct layout_ops *ops = choose(&request, kind, error);
  if (ops == NULL) return false;
  layout->name = ops->name;
  layout->reversed = ops == &layout_matlab;
  bool good = (ops->find_groups == NULL || ops->find_groups(&request, layout, error)) &&
              find_paths(ops, &request, &paths, error);
  if (good) layout->array = memory_new(struct layout_array, paths.count);
  for (int64_t i = 0; good && i < paths.count; i++)
    good = add_array(ops, &request, paths.path[i], layout, error);
  memory_free(&paths.path);
  if (!good) layout_free(layout);
  return good;
}

void layout_free(struct layout *layout) {
  memory_free(&layout->group);
  memory_free(&layout->array);
  layout->groups = layout->count = 0;
}

void layout_path(const struct layout *layout, const struct layout_array *array, int64_t group,
                 char path[CONFIG_TEXT]) {
  if (layout->groups == 0)
    memcpy(path, array->path, CONFIG_TEXT);
  else
    snprintf(path, CONFIG_TEXT, "/%s%.*s", layout->group[group], CONFIG_TEXT - VIEW_TEXT - 2,
             array->path + 2);
}

// Drops the last of length + 1 times, or takes the midpoints between as many edges.
static void shorten(const struct layout_axis *axis, double *values) {
  for (int64_t i = 0; axis->role != AXIS_TIME && i < axis->length; i++)
    values[i] = values[i] + (values[i + 1] - values[i]) / 2;
}

static const int64_t coordinates_max = 1 << 24;

double *layout_coordinates(struct h5_file *file, const struct layout_axis *axis) {
  struct error ignored = {""};
  struct packing packing;
  int64_t shape[H5_AXES];
  const int64_t start = 0, stride = 1;
  const int axes = axis->coordinates[0] == '\0' ? 0 : layout_shape(file, axis->coordinates, shape);
  if (axes != 1 || (shape[0] != axis->length && shape[0] - 1 != axis->length) || shape[0] < 1 ||
      shape[0] > coordinates_max || !h5_check_sources(file, axis->coordinates, "", &ignored) ||
      !packing_read(file, axis->coordinates, "", &packing, &ignored))
    return NULL;
  double *values = memory_new(double, (size_t)shape[0]);
  bool good = h5_read_block(file, axis->coordinates, 1, &start, &stride, shape, values, &ignored);
  if (good) packing_apply(&packing, (size_t)shape[0], values);
  for (int64_t i = 0; good && i < shape[0]; i++) good = isfinite(values[i]);
  if (good && shape[0] > axis->length) shorten(axis, values);
  if (!good) memory_free(&values);
  return values;
}
