// The contents of the files of a set, according to their layouts: their arrays, the axes of these,
// and the sequence of files and groups.
#include <stdio.h>
#include <string.h>

#include "data/view_plan.h"
#include "ground/memory.h"
#include "ground/pattern.h"
#include "ground/text.h"
#include "platform/h5.h"

enum { SHAPE = 256 };

// The section's name, such as "data.train", is what the key of its file begins with.
static int section_of(const struct source *source) {
  const char *dot = strrchr(source->file_key, '.');
  return dot != NULL ? (int)(dot - source->file_key) : 0;
}

#define SECTION(source) section_of(source), (source)->file_key

// ---- one file ----

// An array in NumPy's format as a layout of its own.
static bool describe_npy(const struct source *source, const char *path, struct layout *layout,
                         struct error *error) {
  struct source *one = memory_new(struct source, 1);
  *one = *source;
  snprintf(one->path, sizeof one->path, "%s", path);
  snprintf(one->label, sizeof one->label, "%s = %s", source->file_key, path);
  const bool good =
      readers[one->reader]->open(one, error) &&
      (one->axes > 0 || error_set(error, "%s: a single number; samples need an axis", one->label));
  if (good) {
    *layout =
        (struct layout){.name = "plain", .count = 1, .array = memory_new(struct layout_array, 1)};
    struct layout_array *array = layout->array;
    snprintf(array->name, sizeof array->name, "value");
    array->axes = one->axes;
    array->packing = packing_none();
    for (int a = 0; a < one->axes; a++) {
      struct layout_axis *axis = &array->axis[a];
      snprintf(axis->name, sizeof axis->name, a == 0 ? "sample" : "axis_%d", a - 1);
      axis->length = one->shape[a];
      axis->role = a == 0 ? AXIS_SAMPLE : AXIS_SPACE;
    }
  }
  memory_free(&one);
  return good;
}

static bool describe_hdf5(const struct source *source, const char *path,
                          const struct data_options *options, struct layout *layout,
                          struct error *error) {
  struct h5_file *file = h5_open(path, source->file_key, error);
  if (file == NULL) return false;
  const char *names[CONFIG_NAMES];
  char key[64];
  int count = 0;
  for (; count < options->fields.count; count++) names[count] = options->fields.name[count];
  if (options->dataset[0] != '\0') names[count++] = options->dataset;
  snprintf(key, sizeof key, "%.*s.%s", SECTION(source),
           options->fields.count > 0 ? "fields" : "dataset");
  const bool good =
      layout_recognise(file, layout_name((int)options->layout), key, count, names, layout, error);
  h5_close(&file);
  return good;
}

static bool describe(const struct source *source, const char *path,
                     const struct data_options *options, struct layout *layout,
                     struct error *error) {
  return readers[source->reader] == &reader_hdf5
             ? describe_hdf5(source, path, options, layout, error)
             : describe_npy(source, path, layout, error);
}

static const char *shape_text(const struct layout_array *array, char text[SHAPE]) {
  text[0] = '\0';
  for (int a = 0; a < array->axes; a++)
    text_append(text, SHAPE, "%s%lld", a > 0 ? ", " : "(", (long long)array->axis[a].length);
  text_append(text, SHAPE, array->axes == 1 ? ",)" : ")");
  return text;
}

// ---- the first file: axes ----

// Converts the number of an axis from file order to the order of the file's author, and back.
static int turned(const struct layout *layout, const struct layout_array *array, int a) {
  return layout->reversed ? array->axes - 1 - a : a;
}

static bool names_components(const char *name) {
  static const char *const names[] = {"component", "components", "channel", "channels"};
  for (size_t i = 0; i < LENGTH(names); i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

static const struct layout_array *largest(const struct layout *layout) {
  const struct layout_array *best = layout->array;
  for (int i = 1; i < layout->count; i++)
    if (layout->array[i].axes > best->axes) best = &layout->array[i];
  return best;
}

// The axes of the field with the most axes, named as in the input file if it names any.
static void name_axes(struct view_plan *plan, const struct layout *layout,
                      const struct data_options *options) {
  const struct layout_array *array = largest(layout);
  const bool named = options->axes.count > 0;
  plan->axes = named ? (int)options->axes.count : array->axes;
  for (int i = 0; i < plan->axes; i++) {
    struct plan_axis *axis = &plan->axis[i];
    *axis = (struct plan_axis){.role = PLAN_SPACE, .stride = 1};
    if (plan->axes == array->axes) axis->is = array->axis[turned(layout, array, i)];
    if (named) {
      snprintf(axis->is.name, sizeof axis->is.name, "%.*s", VIEW_TEXT - 1, options->axes.name[i]);
      if (axis->is.role == AXIS_COMPONENT) axis->is.role = AXIS_SPACE;
      if (names_components(axis->is.name)) axis->is.role = AXIS_COMPONENT;
    }
    axis->is.length = 0;
    if (axis->is.role == AXIS_COMPONENT) axis->role = PLAN_COMPONENT;
  }
}

// The axis of components, of which a field may have none; -1: there is none.
static int component_of(const struct view_plan *plan) {
  for (int i = 0; i < plan->axes; i++)
    if (plan->axis[i].role == PLAN_COMPONENT) return i;
  return -1;
}

static int find_axis(const struct view_plan *plan, const char *name) {
  for (int i = 0; i < plan->axes; i++)
    if (strcmp(plan->axis[i].is.name, name) == 0) return i;
  return -1;
}

// The plan's axis for each axis of an array, in the order of the file.
static bool place_axes(const struct view_plan *plan, const struct source *source,
                       const struct layout *layout, const struct layout_array *array, bool named,
                       int place[SOURCE_AXES], struct error *error) {
  char shape[SHAPE];
  const bool whole = array->axes == plan->axes;
  const int component = component_of(plan);
  const bool lacks_component = array->axes == plan->axes - 1 && component >= 0;
  if (named && !whole && !lacks_component)
    return error_set(
        error, "%.*s.axes: %d names, but %s%s%s has %d axes, %s%s", SECTION(source), plan->axes,
        array->path, array->path[0] != '\0' ? " in " : "", source->path, array->axes,
        shape_text(array, shape),
        component >= 0 ? "; only a component may be missing" : "; name each of them, in order");
  for (int a = 0; a < array->axes; a++) {
    const int at = turned(layout, array, a);
    place[a] = named ? at : find_axis(plan, array->axis[a].name);
    if (named && lacks_component) place[a] += at >= component;
    if (place[a] >= 0) continue;
    return error_set(
        error,
        "%.*s.fields: %s has an axis %s, which %s does not have; name the axes of both "
        "by %.*s.axes",
        SECTION(source), array->path, array->axis[a].name, largest(layout)->path, SECTION(source));
  }
  return true;
}

// ---- the first file: arrays ----

// Adds one array; `from` is the layout's. The axis of groups is not an axis of the dataset itself.
static bool add_array(struct view_plan *plan, const struct source *source,
                      const struct layout *layout, const struct layout_array *from, bool named,
                      struct error *error) {
  struct view_array *array = &plan->array[plan->arrays];
  int place[SOURCE_AXES];
  if (!place_axes(plan, source, layout, from, named, place, error)) return false;
  snprintf(array->path, sizeof array->path, "%s", from->path);
  snprintf(array->name, sizeof array->name, "%s", from->name);
  snprintf(array->units, sizeof array->units, "%s", from->units);
  snprintf(array->standard_name, sizeof array->standard_name, "%s", from->standard_name);
  array->channels = 1;
  plan->packing[plan->arrays++] = from->packing;
  if (layout->groups > 0) plan->part_axis = place[0];
  const bool may_repeat = strcmp(layout->name, "The Well") == 0;  // axes along which a field is one
  for (int a = 0; a < from->axes; a++) {
    struct plan_axis *axis = &plan->axis[place[a]];
    const int64_t length = from->axis[a].length;
    if (axis->is.length == 0 || (may_repeat && axis->is.length == 1)) axis->is.length = length;
    if (axis->is.length != length && axis->role != PLAN_COMPONENT && !(may_repeat && length == 1))
      return error_set(error,
                       "%.*s.fields: the axis %s of %s in %s has the length %lld, that of %s has "
                       "%lld; fields that are stacked must lie on the same grid",
                       SECTION(source), axis->is.name, from->path, source->path, (long long)length,
                       plan->array[0].path, (long long)axis->is.length);
    if (layout->groups > 0 && a == 0) continue;
    array->axis[array->axes] = place[a];
    array->length[array->axes++] = length;
  }
  return true;
}

static bool add_arrays(struct view_plan *plan, const struct source *source,
                       const struct layout *layout, const struct data_options *options,
                       struct error *error) {
  name_axes(plan, layout, options);
  plan->part_axis = -1;
  plan->reversed = layout->reversed;
  snprintf(plan->layout, sizeof plan->layout, "%s", layout->name);
  plan->array = memory_new(struct view_array, layout->count);
  plan->packing = memory_new(struct packing, plan->files * layout->count);
  for (int i = 0; i < layout->count; i++)
    if (!add_array(plan, source, layout, &layout->array[i], options->axes.count > 0, error))
      return false;
  for (struct view_array *array = plan->array; array < plan->array + plan->arrays; array++)
    for (int a = 0; a < array->axes; a++)
      array->repeats[a] = array->length[a] == 1 && plan->axis[array->axis[a]].is.length != 1 &&
                          plan->axis[array->axis[a]].role != PLAN_COMPONENT;
  return true;
}

// ---- all files ----

static void add_part(struct view_plan *plan, struct view_part part) {
  struct view_part *parts = memory_new(struct view_part, plan->parts + 1);
  if (plan->parts > 0) memcpy(parts, plan->part, (size_t)plan->parts * sizeof *parts);
  parts[plan->parts++] = part;
  memory_free(&plan->part);
  plan->part = parts;
}

// The groups of a file, each being a separate place.
static void add_groups(struct view_plan *plan, const struct layout *layout, int64_t file,
                       int64_t first) {
  const int64_t before = plan->groups, total = before + layout->groups;
  char(*names)[VIEW_TEXT] = memory_allocate((size_t)total, sizeof *names);
  struct view_part *parts = memory_new(struct view_part, total);
  if (before > 0) memcpy(names, plan->group, (size_t)before * sizeof *names);
  if (before > 0) memcpy(parts, plan->part, (size_t)before * sizeof *parts);
  for (int64_t g = 0; g < layout->groups; g++) {
    memcpy(names[before + g], layout->group[g], sizeof *names);
    parts[before + g] = (struct view_part){file, before + g, first + g, 1, g};
  }
  memory_free(&plan->group);
  memory_free(&plan->part);
  plan->group = names;
  plan->part = parts;
  plan->groups = plan->parts = total;
}

// Whether an array of a later file is like that of the first one, except for the length of the axis
// along which files follow each other (returned in *length).
static bool check_array(const struct view_plan *plan, const struct source *source, const char *path,
                        const struct view_array *first, const struct layout_array *array,
                        bool grouped, int64_t *length, struct error *error) {
  const int skipped = array->axes - first->axes;  // the axis of groups
  bool same = skipped == grouped && strcmp(first->path, array->path) == 0;
  char here[SHAPE], there[SHAPE] = "";
  for (int a = 0; same && a < first->axes; a++) {
    const int64_t held = array->axis[a + skipped].length;
    const bool along = first->axis[a] == plan->part_axis && !first->repeats[a];
    same = along ? *length == 0 || *length == held : held == first->length[a];
    if (along) *length = held;
  }
  if (same) return true;
  for (int a = 0; a < first->axes; a++)
    text_append(there, sizeof there, "%s%lld", a > 0 ? ", " : "(", (long long)first->length[a]);
  return error_set(error,
                   "%s: the files of a pattern must hold the same fields, of equal shapes except "
                   "for the length along %s: %s in %s has the shape %s, in %s it is %s)",
                   source->file_key,
                   plan->part_axis >= 0 ? plan->axis[plan->part_axis].is.name : "the samples",
                   first->path[0] != '\0' ? first->path : "the array", path,
                   shape_text(array, here), plan->file[0], there);
}

// The coordinates of an axis in one file, behind those of the `before` places of earlier files.
static void add_coordinates(struct view_plan *plan, int i, struct h5_file *file, int64_t before,
                            int64_t length) {
  struct layout_axis axis = plan->axis[i].is;
  axis.length = length;
  const bool all = before == 0 || plan->coordinates[i] != NULL;
  double *more = axis.coordinates[0] != '\0' && all ? layout_coordinates(file, &axis) : NULL;
  double *joined = more != NULL ? memory_new(double, before + length) : NULL;
  if (joined != NULL && before > 0)
    memcpy(joined, plan->coordinates[i], (size_t)before * sizeof *joined);
  if (joined != NULL) memcpy(joined + before, more, (size_t)length * sizeof *joined);
  memory_free(&more);
  memory_free(&plan->coordinates[i]);
  plan->coordinates[i] = joined;
}

// Coordinates from the first file and, on the axis along which files follow each other, from all.
static void read_coordinates(struct view_plan *plan, const struct source *source, int64_t f,
                             int64_t before, int64_t length) {
  struct error ignored = {""};  // the file was open a moment ago
  if (readers[plan->reader] != &reader_hdf5) return;
  struct h5_file *file = h5_open(plan->file[f], source->file_key, &ignored);
  for (int i = 0; file != NULL && i < plan->axes; i++) {
    const bool along = i == plan->part_axis && plan->parts_in_dataset;
    if (along || (f == 0 && plan->axis[i].role != PLAN_COMPONENT))
      add_coordinates(plan, i, file, along ? before : 0, along ? length : plan->axis[i].is.length);
  }
  h5_close(&file);
}

static bool add_file(struct view_plan *plan, const struct source *source, int64_t file,
                     const struct layout *layout, struct error *error) {
  const char *path = plan->file[file];
  int64_t length = plan->parts_in_dataset ? 0 : 1;
  if (layout->count != plan->arrays)
    return error_set(error,
                     "%s: %s has %d fields, but %s has %lld; the files of a pattern must "
                     "hold the same fields",
                     source->file_key, path, layout->count, plan->file[0], (long long)plan->arrays);
  for (int i = 0; i < layout->count; i++) {
    if (!check_array(plan, source, path, &plan->array[i], &layout->array[i], layout->groups > 0,
                     &length, error))
      return false;
    plan->packing[file * plan->arrays + i] = layout->array[i].packing;
  }
  struct plan_axis *axis = plan->part_axis >= 0 ? &plan->axis[plan->part_axis] : NULL;
  const int64_t first = file > 0 && axis != NULL ? axis->is.length : 0;
  read_coordinates(plan, source, file, first, length);
  if (layout->groups > 0)
    add_groups(plan, layout, file, first);
  else
    add_part(plan, (struct view_part){file, -1, first, axis == NULL ? 1 : length, 0});
  if (axis != NULL) axis->is.length = first + (layout->groups > 0 ? layout->groups : length);
  return true;
}

static void list_files(struct view_plan *plan, const char *pattern) {
  size_t count;
  char **list = pattern_list(pattern, &count);
  plan->files = (int64_t)count;
  plan->file = memory_allocate(count, sizeof *plan->file);
  for (size_t i = 0; i < count; i++) snprintf(plan->file[i], sizeof plan->file[i], "%s", list[i]);
  pattern_free(&list, count);
}

bool view_plan_describe(struct view_plan *plan, const struct source *source,
                        const struct data_options *options, struct error *error) {
  struct layout layout = {0};
  plan->reader = source->reader;
  list_files(plan, options->file);
  bool good = describe(source, plan->file[0], options, &layout, error) &&
              add_arrays(plan, source, &layout, options, error) &&
              view_plan_choose(plan, source, options, error);
  for (int64_t f = 0; good && f < plan->files; f++) {
    if (f > 0) {
      layout_free(&layout);
      good = describe(source, plan->file[f], options, &layout, error);
    }
    good = good && add_file(plan, source, f, &layout, error);
  }
  layout_free(&layout);
  return good;
}
