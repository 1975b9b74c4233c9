#include "data/view_plan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/text.h"

static int section_of(const struct source *source) {
  const char *dot = strrchr(source->file_key, '.');
  return dot != NULL ? (int)(dot - source->file_key) : 0;
}

#define SECTION(source) section_of(source), (source)->file_key

// ---- what each axis does ----

static int find_axis(const struct view_plan *plan, const char *name) {
  for (int i = 0; i < plan->axes; i++)
    if (strncmp(plan->axis[i].is.name, name, VIEW_TEXT - 1) == 0) return i;
  return -1;
}

static bool complain_of_axis(const struct view_plan *plan, const struct source *source,
                             const char *item, const char *name, struct error *error) {
  const char *names[PLAN_AXES];
  char list[512] = "";
  for (int i = 0; i < plan->axes; i++) names[i] = plan->axis[i].is.name;
  text_append_names(list, sizeof list, names, (size_t)plan->axes);
  const char *nearest = error_nearest(name, names, (size_t)plan->axes);
  return error_set(error, "%.*s.%s: no axis %s in %s; it must be %s%s%s%s", SECTION(source), item,
                   name, source->path, list, nearest != NULL ? "; did you mean " : "",
                   nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

// The axis of the files themselves.
static int add_file_axis(struct view_plan *plan) {
  struct plan_axis *axis = &plan->axis[plan->axes];
  *axis = (struct plan_axis){.role = PLAN_NUMBERS, .stride = 1};
  snprintf(axis->is.name, sizeof axis->is.name, CONFIG_FILE_AXIS);
  plan->part_axis = plan->axes;
  return plan->axes++;
}

static bool choose_selected(struct view_plan *plan, const struct source *source,
                            const struct config_select *select, struct error *error) {
  for (int64_t k = 0; k < select->count; k++) {
    const struct config_axis *wanted = &select->axis[k];
    const int i = find_axis(plan, wanted->axis);
    if (i < 0) return complain_of_axis(plan, source, "select", wanted->axis, error);
    struct plan_axis *axis = &plan->axis[i];
    axis->first = wanted->first;
    axis->count = wanted->single ? 1 : wanted->count;
    axis->stride = wanted->stride;
    if (!wanted->single) continue;
    if (axis->role == PLAN_NUMBERS)
      return error_set(
          error,
          "%.*s.select: takes a single position along %s, which then cannot number samples; "
          "leave it out of %.*s.samples",
          SECTION(source), axis->is.name, SECTION(source));
    if (axis->role == PLAN_SPACE) axis->role = PLAN_FIXED;
  }
  return true;
}

static bool add_numbering(struct view_plan *plan, const struct source *source, int i,
                          struct error *error) {
  if (plan->axis[i].role == PLAN_COMPONENT)
    return error_set(error,
                     "%.*s.samples: %s holds components, which are channels, and cannot number "
                     "samples; give it another name by %.*s.axes",
                     SECTION(source), plan->axis[i].is.name, SECTION(source));
  if (plan->numbering_axes == VIEW_AXES)
    return error_set(error, "%.*s.samples: more than %d axes", SECTION(source), VIEW_AXES);
  plan->axis[i].role = PLAN_NUMBERS;
  plan->numbering[plan->numbering_axes++] = i;
  return true;
}

static bool choose_numbering(struct view_plan *plan, const struct source *source,
                             const struct config_names *samples, struct error *error) {
  for (int64_t k = 0; k < samples->count; k++) {
    const char *name = samples->name[k];
    int i = find_axis(plan, name);
    const bool files = i < 0 && strcmp(name, CONFIG_FILE_AXIS) == 0;
    if (files && plan->part_axis >= 0)
      return error_set(error,
                       "%.*s.samples: the groups of %s number the samples along %s; leave %s out",
                       SECTION(source), source->path, plan->axis[plan->part_axis].is.name, name);
    if (files) i = add_file_axis(plan);
    if (i < 0) return complain_of_axis(plan, source, "samples", name, error);
    if (!add_numbering(plan, source, i, error)) return false;
  }
  return true;
}

// The first axis, if the input file says nothing else.
static bool choose_first(struct view_plan *plan, const struct source *source, struct error *error) {
  for (int i = 0; i < plan->axes && plan->numbering_axes == 0; i++)
    if (plan->axis[i].role == PLAN_SPACE) add_numbering(plan, source, i, error);
  return plan->numbering_axes > 0 ||
         error_set(error, "%.*s.samples: no axis is left to number the samples", SECTION(source));
}

static bool choose_parts(struct view_plan *plan, const struct source *source, struct error *error) {
  const int i = plan->part_axis;
  if (i < 0) {
    plan->parts_in_dataset = plan->files > 1;
    if (plan->parts_in_dataset) plan->part_axis = plan->numbering[0];
    return true;
  }
  return plan->axis[i].role == PLAN_NUMBERS || plan->axis[i].role == PLAN_FIXED ||
         error_set(error,
                   "%.*s.samples: must have %s, along which the groups of %s follow each other",
                   SECTION(source), plan->axis[i].is.name, source->path);
}

bool view_plan_choose(struct view_plan *plan, const struct source *source,
                      const struct data_options *options, struct error *error) {
  if (!choose_numbering(plan, source, &options->samples, error) ||
      !choose_selected(plan, source, &options->select, error) ||
      (plan->numbering_axes == 0 && !choose_first(plan, source, error)))
    return false;
  for (int i = 0; i < plan->axes; i++)
    if (plan->axis[i].role == PLAN_SPACE) plan->space[plan->space_axes++] = i;
  return choose_parts(plan, source, error);
}

// ---- what is taken of each axis ----

// Checks that as many of `length` places are left as are wanted; *count = 0 becomes all of them.
static bool take(const struct plan_axis *axis, const struct source *source, int64_t length,
                 int64_t *count, struct error *error) {
  const char *name = axis->is.name;
  if (axis->first >= length)
    return error_set(
        error, "%.*s.select: %s has the positions 0 to %lld in %s, but %lld was requested",
        SECTION(source), name, (long long)(length - 1), source->path, (long long)axis->first);
  const int64_t most = (length - 1 - axis->first) / axis->stride + 1;
  *count = axis->count > 0 ? axis->count : most;
  return *count <= most ||
         error_set(error,
                   "%.*s.select: %lld positions along %s, but from %lld in steps of %lld there are "
                   "only %lld of its %lld in %s",
                   SECTION(source), (long long)*count, name, (long long)axis->first,
                   (long long)axis->stride, (long long)most, (long long)length, source->path);
}

static bool take_components(struct view_plan *plan, const struct source *source,
                            struct error *error) {
  plan->has_channel_axis = plan->arrays > 1;
  for (int64_t i = 0; i < plan->arrays; i++) {
    struct view_array *array = &plan->array[i];
    for (int a = 0; a < array->axes; a++) {
      const struct plan_axis *axis = &plan->axis[array->axis[a]];
      if (axis->role != PLAN_COMPONENT) continue;
      if (array->length[a] == 0)
        return error_set(error, "%s: samples without entries: %s has no components", source->label,
                         array->path);
      if (!take(axis, source, array->length[a], &array->taken[a], error)) return false;
      array->channels *= array->taken[a];
      plan->has_channel_axis = true;
    }
    plan->channels += array->channels;
  }
  return true;
}

static bool multiply(int64_t *product, int64_t factor) {
  return !__builtin_mul_overflow(*product, factor, product);
}

static bool take_all(struct view_plan *plan, const struct source *source, struct error *error) {
  for (int i = 0; i < plan->axes; i++) {
    struct plan_axis *axis = &plan->axis[i];
    if (axis->role == PLAN_COMPONENT) continue;
    if (axis->is.length == 0)
      return error_set(error, "%s: %s: the axis %s has the length 0 in %s", source->label,
                       axis->role == PLAN_SPACE ? "samples without entries" : "0 samples",
                       axis->is.name, source->path);
    if (!take(axis, source, axis->is.length, &axis->count, error)) return false;
  }
  if (!take_components(plan, source, error)) return false;
  plan->samples = 1;
  plan->entries = plan->channels;
  bool fits = true;
  for (int k = 0; k < plan->numbering_axes; k++)
    fits = fits && multiply(&plan->samples, plan->axis[plan->numbering[k]].count);
  for (int k = 0; k < plan->space_axes; k++)
    fits = fits && multiply(&plan->entries, plan->axis[plan->space[k]].count);
  return fits || error_set(error, "%s: too many numbers to fit in memory", source->label);
}

struct view_plan *view_plan_open(const struct source *source, const struct data_options *options,
                                 struct error *error) {
  struct view_plan *plan = memory_new(struct view_plan, 1);
  if (!view_plan_describe(plan, source, options, error) || !take_all(plan, source, error))
    view_plan_destroy(&plan);
  return plan;
}

// ---- what that makes ----

static bool takes_all(const struct plan_axis *axis) {
  return axis->first == 0 && axis->stride == 1 && axis->count == axis->is.length;
}

bool view_plan_is_plain(const struct view_plan *plan) {
  const struct view_array *array = plan->array;
  if (plan->arrays > 1 || plan->parts > 1 || plan->groups > 0 || plan->numbering_axes > 1 ||
      !packing_is_none(plan->packing) || array->axes == 0 || array->axis[0] != plan->numbering[0])
    return false;
  // The channels, then space.
  int next = 0;
  for (int a = 1; a < array->axes; a++) {
    const int i = array->axis[a];
    const bool component = plan->axis[i].role == PLAN_COMPONENT;
    if (component ? next > 0 : next >= plan->space_axes || plan->space[next++] != i) return false;
    if (component && (a > 1 || array->channels != array->length[a])) return false;
  }
  for (int i = 0; i < plan->axes; i++)
    if (plan->axis[i].role != PLAN_COMPONENT && !takes_all(&plan->axis[i])) return false;
  return next == plan->space_axes;
}

void view_plan_shape(const struct view_plan *plan, struct source *source) {
  source->axes = 0;
  source->shape[source->axes++] = plan->samples;
  if (plan->has_channel_axis) source->shape[source->axes++] = plan->channels;
  for (int k = 0; k < plan->space_axes; k++)
    source->shape[source->axes++] = plan->axis[plan->space[k]].count;
  source->integer = false;
  for (int64_t i = 0; i < plan->files * plan->arrays; i++)
    source->marks_missing = source->marks_missing || !packing_is_none(&plan->packing[i]);
}

// Axis `i` for a view, with the coordinates of the places taken.
static struct view_axis axis_of(const struct view_plan *plan, int i) {
  const struct plan_axis *axis = &plan->axis[i];
  struct view_axis made = {.length = axis->count, .first = axis->first, .stride = axis->stride};
  memcpy(made.name, axis->is.name, sizeof made.name);
  memcpy(made.units, axis->is.units, sizeof made.units);
  memcpy(made.standard_name, axis->is.standard_name, sizeof made.standard_name);
  if (plan->coordinates[i] == NULL) return made;
  made.coordinates = memory_new(double, axis->count);
  for (int64_t k = 0; k < axis->count; k++)
    made.coordinates[k] = plan->coordinates[i][axis->first + k * axis->stride];
  return made;
}

// The c-th channel of an array, named after an axis in space if a vector has a component for each.
static struct view_channel channel_of(const struct view_plan *plan, const struct view_array *array,
                                      int64_t c) {
  struct view_channel channel = {.name = ""};
  const bool vector = strcmp(plan->layout, "The Well") == 0 && array->channels == plan->space_axes;
  text_append(channel.name, sizeof channel.name, "%.50s", array->name);
  if (array->channels > 1 && vector)
    text_append(channel.name, sizeof channel.name, "_%s", plan->axis[plan->space[c]].is.name);
  else if (array->channels > 1)
    text_append(channel.name, sizeof channel.name, "_%lld", (long long)c);
  memcpy(channel.units, array->units, sizeof channel.units);
  if (array->channels == 1)
    memcpy(channel.standard_name, array->standard_name, sizeof channel.standard_name);
  return channel;
}

struct view *view_plan_view(const struct view_plan *plan) {
  struct view *view = memory_new(struct view, 1);
  memcpy(view->layout, plan->layout, sizeof view->layout);
  for (int64_t i = 0; i < plan->arrays; i++)
    text_append(view->fields, sizeof view->fields, "%s%s", i > 0 ? ", " : "", plan->array[i].path);
  view->numbering_axes = plan->numbering_axes;
  for (int k = 0; k < plan->numbering_axes; k++)
    view->numbering[k] = axis_of(plan, plan->numbering[k]);
  view->has_channel_axis = plan->has_channel_axis;
  view->channels = 0;
  view->channel = memory_new(struct view_channel, plan->channels);
  for (int64_t i = 0; i < plan->arrays; i++)
    for (int64_t c = 0; c < plan->array[i].channels; c++)
      view->channel[view->channels++] = channel_of(plan, &plan->array[i], c);
  view->space_axes = plan->space_axes;
  for (int k = 0; k < plan->space_axes; k++) view->space[k] = axis_of(plan, plan->space[k]);
  return view;
}

// ---- on all ranks ----

// An owned array on all ranks.
static void *share(struct comm *comm, void *array, int64_t count, size_t size) {
  if (comm_rank(comm) != 0) array = memory_allocate((size_t)count, size);
  if (count > 0) comm_broadcast(comm, array, (size_t)count * size, 0);
  return array;
}

struct view_plan *view_plan_broadcast(struct comm *comm, struct view_plan *plan) {
  int64_t given = plan != NULL;
  comm_broadcast(comm, &given, sizeof given, 0);
  if (!given) return NULL;
  if (plan == NULL) plan = memory_new(struct view_plan, 1);
  double *coordinates[PLAN_AXES];
  memcpy(coordinates, plan->coordinates, sizeof coordinates);
  comm_broadcast(comm, plan, sizeof *plan, 0);
  memcpy(plan->coordinates, coordinates, sizeof coordinates);
  plan->array = share(comm, plan->array, plan->arrays, sizeof *plan->array);
  plan->packing = share(comm, plan->packing, plan->files * plan->arrays, sizeof *plan->packing);
  plan->part = share(comm, plan->part, plan->parts, sizeof *plan->part);
  plan->file = share(comm, plan->file, plan->files, sizeof *plan->file);
  plan->group = share(comm, plan->group, plan->groups, sizeof *plan->group);
  if (plan->values != NULL) {
    const int64_t count = plan->axis[plan->numbering[plan->value_axis]].count;
    plan->values = share(comm, plan->values, count, sizeof *plan->values);
  }
  return plan;
}

void view_plan_destroy(struct view_plan **plan) {
  if (*plan == NULL) return;
  memory_free(&(*plan)->array);
  memory_free(&(*plan)->packing);
  memory_free(&(*plan)->part);
  memory_free(&(*plan)->file);
  memory_free(&(*plan)->group);
  memory_free(&(*plan)->values);
  for (int i = 0; i < PLAN_AXES; i++) memory_free(&(*plan)->coordinates[i]);
  memory_free(plan);
}

int64_t view_plan_group(const struct view_plan *plan, int64_t sample) {
  for (int k = plan->numbering_axes; k-- > 1;) sample /= plan->axis[plan->numbering[k]].count;
  const struct plan_axis *axis = &plan->axis[plan->numbering[0]];
  return axis->first + sample * axis->stride;
}
