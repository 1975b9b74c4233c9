// Labels and weights of the samples of a view: arrays stored in the same files.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/view_plan.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "platform/h5.h"

// The numbering, the axes and the parts of a plan, without its arrays. Owned.
static struct view_plan *copy_frame(const struct view_plan *plan) {
  struct view_plan *copy = memory_new(struct view_plan, 1);
  *copy = *plan;
  copy->arrays = 0;
  copy->array = NULL;
  copy->packing = NULL;
  memset(copy->coordinates, 0, sizeof copy->coordinates);
  copy->part = memory_new(struct view_part, plan->parts);
  copy->file = memory_allocate((size_t)plan->files, sizeof *plan->file);
  copy->group = memory_allocate((size_t)plan->groups, sizeof *plan->group);
  memcpy(copy->part, plan->part, (size_t)plan->parts * sizeof *plan->part);
  memcpy(copy->file, plan->file, (size_t)plan->files * sizeof *plan->file);
  if (plan->groups > 0)
    memcpy(copy->group, plan->group, (size_t)plan->groups * sizeof *plan->group);
  return copy;
}

// A number per sample.
static void make_scalar(struct view_plan *plan) {
  plan->space_axes = 0;
  plan->has_channel_axis = false;
  plan->channels = plan->entries = 1;
}

// ---- labels that are an axis ----

static bool are_integers(const double *values, int64_t count) {
  for (int64_t k = 0; k < count; k++)
    if (!(values[k] == floor(values[k]) && fabs(values[k]) < 0x1p53)) return false;
  return true;
}

// The coordinates of a numbering axis, or its places if it has none; NULL if `name` is none.
static struct view_plan *label_by_axis(const struct view_plan *plan, const char *name,
                                       bool *integer) {
  for (int k = 0; k < plan->numbering_axes; k++) {
    const struct plan_axis *axis = &plan->axis[plan->numbering[k]];
    const double *coordinates = plan->coordinates[plan->numbering[k]];
    if (strcmp(axis->is.name, name) != 0) continue;
    struct view_plan *labels = copy_frame(plan);
    make_scalar(labels);
    labels->value_axis = k;
    labels->values = memory_new(double, axis->count);
    for (int64_t j = 0; j < axis->count; j++) {
      const int64_t place = axis->first + j * axis->stride;
      labels->values[j] = coordinates != NULL ? coordinates[place] : (double)place;
    }
    *integer = are_integers(labels->values, axis->count);
    return labels;
  }
  return NULL;
}

// ---- arrays ----

// The length of an axis in the first file, shared by all its arrays unless it is one of components.
static int64_t length_in_file(const struct view_plan *plan, int i) {
  int64_t length = 0;
  if (i != plan->part_axis) return plan->axis[i].is.length;
  for (int64_t p = 0; p < plan->parts && plan->part[p].file == 0; p++)
    length += plan->part[p].count;
  return length;
}

// A companion as it is stored in the first file.
struct found {
  char path[CONFIG_TEXT];
  bool in_group;  // there is one in every group
  int axes;
  int64_t shape[SOURCE_AXES];
};

// The axes of labels: some of those that number samples, in order. There may be one more axis of
// length 1, as produced by MATLAB: place[] is then that of `single`.
static bool place_labels(const struct view_plan *plan, const struct found *found, int single,
                         int place[SOURCE_AXES]) {
  int next = 0;
  for (int k = 0; k < found->axes; k++) {
    const int a = plan->reversed ? found->axes - 1 - k : k;
    int i = next;
    for (; i < single; i++)
      if (plan->axis[i].role == PLAN_NUMBERS && !(found->in_group && i == plan->part_axis) &&
          length_in_file(plan, i) == found->shape[a])
        break;
    if (i == single && found->shape[a] != 1) return false;
    place[a] = i;
    if (i < single) next = i + 1;
  }
  return true;
}

// The axes of weights: those of a field; some of those that number samples, and that of components,
// may be absent.
static bool place_weights(const struct view_plan *plan, const struct found *found,
                          int place[SOURCE_AXES]) {
  const struct view_array *first = plan->array;
  int from = first->axes, space = 0;
  for (int a = found->axes; a-- > 0;) {
    do {
      if (--from < 0) return false;
    } while (first->length[from] != found->shape[a] &&
             !(first->axis[from] == plan->part_axis &&
               length_in_file(plan, first->axis[from]) == found->shape[a]));
    place[a] = first->axis[from];
    space += plan->axis[place[a]].role == PLAN_SPACE;
  }
  return space == plan->space_axes;
}

static bool complain_of_shape(const struct view_plan *plan, const struct source *source,
                              bool labels, const struct found *found, struct error *error) {
  char shape[256] = "", expected[512] = "";
  const struct view_array *first = plan->array;
  for (int a = 0; a < found->axes; a++)
    text_append(shape, sizeof shape, "%s%lld", a > 0 ? ", " : "", (long long)found->shape[a]);
  if (labels) {
    text_append(expected, sizeof expected, "must be one number per ");
    for (int k = 0; k < plan->numbering_axes; k++)
      text_append(expected, sizeof expected, "%s%s (%lld)", k > 0 ? " and " : "",
                  plan->axis[plan->numbering[k]].is.name,
                  (long long)length_in_file(plan, plan->numbering[k]));
    if (plan->numbering_axes > 1) text_append(expected, sizeof expected, ", or per one of these");
  } else {
    text_append(expected, sizeof expected, "must have the shape of %s, (",
                first->path[0] != '\0' ? first->path : "the samples");
    for (int a = 0; a < first->axes; a++)
      text_append(expected, sizeof expected, "%s%lld", a > 0 ? ", " : "",
                  (long long)first->length[a]);
    text_append(expected, sizeof expected, "), or of one sample of it");
  }
  return error_set(error, "%s: %s; the shape is (%s)", source->label, expected, shape);
}

// Finds the array in the first file.
static bool find_array(const struct view_plan *plan, const struct source *source,
                       struct found *found, bool *integer, struct error *error) {
  const char *star = strchr(source->name, '*');
  found->in_group = plan->groups > 0 && star != NULL;
  snprintf(found->path, sizeof found->path, "%s", source->name);
  if (readers[source->reader] != &reader_hdf5) {
    found->axes = source->axes;
    memcpy(found->shape, source->shape, sizeof found->shape);
    return true;
  }
  char path[2 * CONFIG_TEXT];
  snprintf(path, sizeof path, "%s", source->name);
  if (found->in_group)
    snprintf(path, sizeof path, "%.*s%s%s", (int)(star - source->name), source->name,
             plan->group[0], star + 1);
  struct h5_file *file = h5_open(plan->file[0], source->file_key, error);
  if (file == NULL) return false;
  const bool good = h5_shape(file, path, source->key, &found->axes, found->shape, error);
  *integer = good && h5_is_integer(file, path);
  h5_close(&file);
  return good;
}

// How many components of the first field's axis are taken.
static int64_t taken_of(const struct view_plan *plan, int axis) {
  for (int a = 0; a < plan->array->axes; a++)
    if (plan->array->axis[a] == axis) return plan->array->taken[a];
  return 1;
}

// Gives the companion `made` its array.
static bool place_array(struct view_plan *made, const struct view_plan *plan,
                        const struct source *source, bool labels, const struct found *found,
                        struct error *error) {
  int place[SOURCE_AXES] = {0};
  const int single = made->axes;
  made->axis[made->axes++] =
      (struct plan_axis){.role = PLAN_FIXED, .count = 1, .stride = 1, .is = {.length = 1}};
  if (labels ? !place_labels(plan, found, single, place) : !place_weights(plan, found, place))
    return complain_of_shape(plan, source, labels, found, error);
  struct view_array *array = made->array = memory_new(struct view_array, 1);
  made->packing = memory_new(struct packing, made->files);
  for (int64_t f = 0; f < made->files; f++) made->packing[f] = packing_none();
  made->arrays = 1;
  memcpy(array->path, found->path, sizeof array->path);
  array->axes = found->axes;
  array->channels = 1;
  for (int a = 0; a < found->axes; a++) {
    array->axis[a] = place[a];
    array->length[a] = found->shape[a];
    array->taken[a] = taken_of(plan, place[a]);
    if (plan->axis[place[a]].role == PLAN_COMPONENT) array->channels *= array->taken[a];
  }
  return array->channels == 1 || array->channels == made->channels ||
         error_set(
             error,
             "%s: the weights have the components of %s, but a sample has %lld channels; give "
             "weights without components, for all of them",
             source->label, plan->array[0].path, (long long)made->channels);
}

struct view_plan *view_plan_companion(const struct view_plan *plan, const struct source *source,
                                      bool labels, bool *integer, struct error *error) {
  if (labels) {
    struct view_plan *by_axis = label_by_axis(plan, source->name, integer);
    if (by_axis != NULL) return by_axis;
  }
  struct view_plan *made = copy_frame(plan);
  if (labels) make_scalar(made);
  made->reader = source->reader;
  if (strcmp(source->path, plan->file[0]) != 0) {  // a file of its own, for all of the samples
    made->files = made->parts = 1;
    made->groups = 0;
    made->part[0] = (struct view_part){0, -1, 0, 1, 0};
    made->part_axis = -1;
    snprintf(made->file[0], sizeof made->file[0], "%s", source->path);
  }
  struct found found = {.axes = 0};
  struct view_plan *frame = copy_frame(made);
  frame->array = plan->array;
  frame->space_axes = plan->space_axes;
  const bool good = find_array(made, source, &found, integer, error) &&
                    place_array(made, frame, source, labels, &found, error);
  frame->array = NULL;
  view_plan_destroy(&frame);
  if (!good) view_plan_destroy(&made);
  return made;
}

bool view_plan_is_common(const struct view_plan *plan) {
  for (int a = 0; a < plan->array->axes; a++)
    if (plan->axis[plan->array->axis[a]].role == PLAN_NUMBERS) return false;
  return true;
}
