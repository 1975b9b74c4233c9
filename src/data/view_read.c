// Reads samples according to a plan: blocks of each array are put in their places. Consecutive
// samples along the last numbering axis are read together, so that a compressed chunk is decoded
// only once for them.
#include <stdio.h>
#include <string.h>

#include "data/view_plan.h"
#include "ground/memory.h"
#include "platform/h5.h"

enum { GAP = 64, BLOCK = 1 << 24 };  // samples skipped by reading them; bytes read in one call

// The samples [begin, end) of a list that are read together: at `place` along the numbering axes,
// `span` places along the last of them.
struct block {
  int64_t begin, end, place[VIEW_AXES], span;
  const struct view_part *part;
};

// A file while it is read from.
struct reading {
  const struct view_plan *plan;
  const struct source *source;
  void *file;
  int64_t open;  // which one, -1: none
  double *raw;   // [room]
  size_t room;
};

// ---- which samples ----

static const struct plan_axis *numbering(const struct view_plan *plan, int k) {
  return &plan->axis[plan->numbering[k]];
}

// The place in the files of the k-th place taken on an axis that numbers samples or is one place.
static int64_t place_in_files(const struct plan_axis *axis, int64_t k) {
  return axis->first + k * axis->stride;
}

static const struct view_part *find_part(const struct view_plan *plan, int64_t place) {
  int64_t low = 0, high = plan->parts;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (plan->part[middle].first <= place)
      low = middle;
    else
      high = middle;
  }
  return &plan->part[low];
}

// Where along the axis of the parts the samples at a place are.
static int64_t part_place(const struct view_plan *plan, const int64_t *place) {
  if (plan->part_axis < 0) return 0;
  for (int k = 0; k < plan->numbering_axes; k++)
    if (plan->numbering[k] == plan->part_axis) return place_in_files(numbering(plan, k), place[k]);
  return plan->axis[plan->part_axis].first;
}

static void find_place(const struct view_plan *plan, int64_t sample, int64_t place[VIEW_AXES]) {
  for (int k = plan->numbering_axes; k-- > 0;) {
    place[k] = sample % numbering(plan, k)->count;
    sample /= numbering(plan, k)->count;
  }
}

// How many places of the last numbering axis from `place` on lie in one part.
static int64_t places_in_part(const struct view_plan *plan, const int64_t *place,
                              const struct view_part *part) {
  const int last = plan->numbering_axes - 1;
  const struct plan_axis *axis = numbering(plan, last);
  const int64_t left = axis->count - place[last];
  if (plan->numbering[last] != plan->part_axis) return left;
  const int64_t held = part->first + part->count - 1 - place_in_files(axis, place[last]);
  const int64_t fit = held / axis->stride + 1;
  return fit < left ? fit : left;
}

static struct block block_from(const struct view_plan *plan, const struct source_rows *rows,
                               int64_t begin) {
  struct block block = {.begin = begin, .end = begin + 1, .span = 1};
  const int64_t first = rows->index[begin];
  find_place(plan, first, block.place);
  block.part = find_part(plan, part_place(plan, block.place));
  int64_t most = BLOCK / (plan->entries * (int64_t)sizeof(double));
  const int64_t within = places_in_part(plan, block.place, block.part);
  if (most > within) most = within;
  for (; block.end < rows->count; block.end++) {
    const int64_t next = rows->index[block.end];
    if (next - first >= most || next - rows->index[block.end - 1] > GAP) break;
    block.span = next - first + 1;
  }
  return block;
}

// ---- blocks of arrays ----

static bool open_part(struct reading *reading, const struct view_part *part, struct error *error) {
  const struct reader *reader = readers[reading->plan->reader];
  if (reading->open == part->file) return true;
  if (reading->file != NULL) reader->end(reading->file);
  reading->open = part->file;
  reading->file = reader->begin(reading->source, reading->plan->file[part->file], error);
  return reading->file != NULL;
}

static void array_path(const struct view_plan *plan, const struct view_array *array,
                       const struct view_part *part, char path[2 * CONFIG_TEXT]) {
  const char *star = strchr(array->path, '*');
  if (star == NULL || part->group < 0)
    snprintf(path, 2 * CONFIG_TEXT, "%s", array->path);
  else
    snprintf(path, 2 * CONFIG_TEXT, "%.*s%s%s", (int)(star - array->path), array->path,
             plan->group[part->group], star + 1);
}

// The part of an array that contributes to the samples of a block, and the distance between places
// along each axis of the plan in what is read (0 for an axis that the array does not have).
struct extent {
  int64_t start[SOURCE_AXES], stride[SOURCE_AXES], count[SOURCE_AXES], total;
  int64_t apart[PLAN_AXES];
};

static int64_t numbering_place(const struct view_plan *plan, const struct block *block, int axis) {
  for (int k = 0; k < plan->numbering_axes; k++)
    if (plan->numbering[k] == axis) return block->place[k];
  return 0;
}

static struct extent extent_of(const struct view_plan *plan, const struct view_array *array,
                               const struct block *block) {
  struct extent extent = {.total = 1};
  for (int a = array->axes; a-- > 0;) {
    const int i = array->axis[a];
    const struct plan_axis *axis = &plan->axis[i];
    extent.stride[a] = extent.count[a] = 1;
    if (array->repeats[a]) continue;
    extent.stride[a] = axis->stride;
    extent.start[a] = place_in_files(axis, numbering_place(plan, block, i));
    if (i == plan->part_axis) extent.start[a] += block->part->within - block->part->first;
    extent.count[a] = axis->role == PLAN_COMPONENT                     ? array->taken[a]
                      : axis->role == PLAN_SPACE                       ? axis->count
                      : i == plan->numbering[plan->numbering_axes - 1] ? block->span
                                                                       : 1;
    extent.apart[i] = extent.total;
    extent.total *= extent.count[a];
  }
  return extent;
}

// How far into a block the c-th channel of an array begins, the last of its axes of components
// fastest.
static int64_t component_place(const struct view_plan *plan, const struct view_array *array,
                               const struct extent *extent, int64_t c) {
  int64_t place = 0;
  for (int i = plan->axes; i-- > 0;) {
    for (int a = 0; a < array->axes; a++) {
      if (array->axis[a] != i || plan->axis[i].role != PLAN_COMPONENT) continue;
      place += c % array->taken[a] * extent->apart[i];
      c /= array->taken[a];
    }
  }
  return place;
}

// Copies one channel of one sample from its place in a block.
static void copy_channel(const struct view_plan *plan, const struct extent *extent,
                         const double *raw, double *out) {
  const int axes = plan->space_axes;
  const int64_t inner = axes > 0 ? plan->axis[plan->space[axes - 1]].count : 1;
  const int64_t step = axes > 0 ? extent->apart[plan->space[axes - 1]] : 0;
  int64_t at[VIEW_AXES] = {0};
  for (;;) {
    for (int64_t j = 0; j < inner; j++) out[j] = raw[j * step];
    out += inner;
    int k = axes - 2;
    for (; k >= 0; k--) {
      const int64_t apart = extent->apart[plan->space[k]];
      raw += apart;
      if (++at[k] < plan->axis[plan->space[k]].count) break;
      raw -= at[k] * apart;
      at[k] = 0;
    }
    if (k < 0) return;
  }
}

// Reads the part of a block's samples that array `a` holds into the channels from `channel` on.
static bool read_array(struct reading *reading, int64_t a, const struct block *block,
                       const struct source_rows *rows, int64_t channel, double *out,
                       struct error *error) {
  const struct view_plan *plan = reading->plan;
  const struct view_array *array = &plan->array[a];
  const struct extent extent = extent_of(plan, array, block);
  const int64_t space = plan->entries / plan->channels;
  const int last = plan->numbering[plan->numbering_axes - 1];
  char path[2 * CONFIG_TEXT];
  array_path(plan, array, block->part, path);
  if ((size_t)extent.total > reading->room) {
    memory_free(&reading->raw);
    reading->room = (size_t)extent.total;
    reading->raw = memory_new(double, reading->room);
  }
  if (!readers[plan->reader]->block(reading->file, path, array->axes, extent.start, extent.stride,
                                    extent.count, reading->raw, error))
    return false;
  packing_apply(&plan->packing[block->part->file * plan->arrays + a], (size_t)extent.total,
                reading->raw);
  for (int64_t i = block->begin; i < block->end; i++) {
    const int64_t row = rows->index[i] - rows->index[block->begin];
    for (int64_t c = 0; c < array->channels; c++)
      copy_channel(
          plan, &extent,
          reading->raw + row * extent.apart[last] + component_place(plan, array, &extent, c),
          out + (i - block->begin) * plan->entries + (channel + c) * space);
  }
  return true;
}

// Weights without channels count for all of them.
static void repeat_channel(const struct view_plan *plan, int64_t samples, double *out) {
  const int64_t space = plan->entries / plan->channels;
  for (int64_t i = 0; i < samples; i++)
    for (int64_t c = 1; c < plan->channels; c++)
      memcpy(out + i * plan->entries + c * space, out + i * plan->entries,
             (size_t)space * sizeof *out);
}

static bool read_block(struct reading *reading, const struct block *block,
                       const struct source_rows *rows, double *out, struct error *error) {
  const struct view_plan *plan = reading->plan;
  if (plan->values != NULL) {
    for (int64_t i = block->begin; i < block->end; i++) {
      int64_t place[VIEW_AXES];
      find_place(plan, rows->index[i], place);
      out[i - block->begin] = plan->values[place[plan->value_axis]];
    }
    return true;
  }
  if (!open_part(reading, block->part, error)) return false;
  int64_t channel = 0;
  for (int64_t a = 0; a < plan->arrays; channel += plan->array[a++].channels)
    if (!read_array(reading, a, block, rows, channel, out, error)) return false;
  if (channel < plan->channels) repeat_channel(plan, block->end - block->begin, out);
  return true;
}

// ---- rows ----

static void read_rows(struct comm *comm, const struct source *source,
                      const struct source_rows *rows, enum element element, void *values,
                      struct error *error) {
  (void)comm;
  const struct view_plan *plan = source->plan;
  struct reading reading = {.plan = plan, .source = source, .open = -1};
  struct error cause = {""};
  const size_t size = element_size(element);
  bool good = true;
  for (int64_t i = 0; good && i < rows->count;) {
    const struct block block = block_from(plan, rows, i);
    const size_t count = (size_t)(block.end - block.begin) * (size_t)plan->entries;
    char *place = (char *)values + (size_t)(i * plan->entries) * size;
    double *numbers = element == ELEMENT_DOUBLE ? (double *)place : memory_new(double, count);
    good = read_block(&reading, &block, rows, numbers, &cause);
    if (element != ELEMENT_DOUBLE) {
      for (size_t k = 0; good && k < count; k++) ((int64_t *)place)[k] = (int64_t)numbers[k];
      memory_free(&numbers);
    }
    i = block.end;
  }
  if (!good) error_set(error, "%s: %s", source->key, cause.text);
  if (reading.file != NULL) readers[plan->reader]->end(reading.file);
  memory_free(&reading.raw);
}

const struct reader reader_view = {.name = "view", .read = read_rows};

void view_plan_attach(struct view_plan *plan, struct source *source) {
  source->plan = plan;
  for (source->reader = 0; readers[source->reader] != &reader_view;) source->reader++;
}
