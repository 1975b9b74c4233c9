// Whether two sets have samples in common, or samples of the same trajectory, that is, samples at
// the same place along the first axis that numbers samples, in the same dataset of the same file,
// under whatever name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/dataset_internal.h"
#include "ground/memory.h"

// The place of an axis: its number in a dataset, or along files and groups.
enum { ALONG_PARTS = -1, NOWHERE = -2 };

enum { FILE_SHIFT = 40 };  // bits of a place in a file, below those of the file's number

// ---- the files of both ----

static int64_t file_count(const struct dataset_sources *set) {
  return set->samples_plan != NULL ? set->samples_plan->files : 1;
}

static const char *file_path(const struct dataset_sources *set, int64_t file) {
  return set->samples_plan != NULL ? set->samples_plan->file[file] : set->samples.path;
}

static bool same_file(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

// Numbers the files of `set`: as in `first` if it has the same file, otherwise after those. Owned.
static int64_t *number_files(const struct dataset_sources *set, const struct dataset_sources *first,
                             bool *common) {
  const int64_t count = file_count(set), before = file_count(first);
  int64_t *number = memory_new(int64_t, count);
  for (int64_t f = 0; f < count; f++) {
    number[f] = set == first ? f : before + f;
    for (int64_t g = 0; g < before && set != first; g++) {
      if (!same_file(file_path(set, f), file_path(first, g))) continue;
      number[f] = g;
      *common = true;
      break;
    }
  }
  return number;
}

// ---- the arrays of both ----

// The places of two arrays that are the same dataset; false if no dataset is in both sets.
static bool find_array(const struct dataset_sources *a, const struct dataset_sources *b, int64_t *i,
                       int64_t *j) {
  const struct view_plan *one = a->samples_plan, *other = b->samples_plan;
  *i = *j = 0;
  if (one == NULL || other == NULL) return true;  // a file is one array
  for (*i = 0; *i < one->arrays; ++*i)
    for (*j = 0; *j < other->arrays; ++*j)
      if (strcmp(one->array[*i].path, other->array[*j].path) == 0) return true;
  return false;
}

static int where_is(const struct view_plan *plan, int64_t array, int axis) {
  for (int a = 0; a < plan->array[array].axes; a++)
    if (plan->array[array].axis[a] == axis) return a;
  return axis == plan->part_axis ? ALONG_PARTS : NOWHERE;
}

// The axis of a plan at a place, or NULL.
static const struct plan_axis *axis_at(const struct view_plan *plan, int64_t array, int where) {
  for (int i = 0; i < plan->axes; i++)
    if (where_is(plan, array, i) == where) return &plan->axis[i];
  return NULL;
}

static int first_axis(const struct dataset_sources *set, int64_t array) {
  const struct view_plan *plan = set->samples_plan;
  return plan != NULL ? where_is(plan, array, plan->numbering[0]) : 0;
}

// Whether the places selected on two axes have one in common.
static bool meet(const struct plan_axis *a, const struct plan_axis *b) {
  int64_t i = 0, j = 0;
  while (i < a->count && j < b->count) {
    const int64_t one = a->first + i * a->stride, other = b->first + j * b->stride;
    if (one == other) return true;
    if (one < other)
      i++;
    else
      j++;
  }
  return false;
}

// Whether samples of both could be from the same place, judged by the axes alone.
static bool could_meet(const struct view_plan *a, int64_t i, const struct view_plan *b, int64_t j) {
  for (int where = ALONG_PARTS; where < SOURCE_AXES; where++) {
    const struct plan_axis *one = axis_at(a, i, where), *other = axis_at(b, j, where);
    if (one == NULL || other == NULL) continue;
    const bool fixed = one->role == PLAN_FIXED && other->role == PLAN_FIXED;
    const bool first =
        where == where_is(a, i, a->numbering[0]) || where == where_is(b, j, b->numbering[0]);
    if (where == ALONG_PARTS && a->files != b->files) continue;
    if (one->role == PLAN_COMPONENT || other->role == PLAN_COMPONENT) continue;
    if ((fixed || first) && !meet(one, other)) return false;
  }
  return true;
}

// ---- the samples of both ----

// What a comparison is made with: known to rank 0, then to all.
struct comparison {
  bool wanted;     // the files and datasets have something in common
  bool by_sample;  // the first axes are the same, so that single samples are compared
};

static struct comparison compare(const struct dataset_sources *a, const struct dataset_sources *b,
                                 bool common) {
  struct comparison comparison = {.wanted = false};
  int64_t i, j;
  if (!common || !find_array(a, b, &i, &j)) return comparison;
  const struct view_plan *one = a->samples_plan, *other = b->samples_plan;
  comparison.wanted = one == NULL || other == NULL || could_meet(one, i, other, j);
  comparison.by_sample = first_axis(a, i) == first_axis(b, j);
  return comparison;
}

static int by_number(const void *a, const void *b) {
  const int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
  return (one > other) - (one < other);
}

// The places (a file and a place in it) of this rank's samples of a set, ascending, without
// repeats. Owned. Collective.
static int64_t *list_places(struct comm *comm, const struct dataset_sources *set,
                            const int64_t *number, int64_t *count) {
  const struct view_plan *plan = set->samples_plan;
  const int64_t rows = source_share(comm, (struct source_range){0, set->count}).count;
  int64_t *places = dataset_select(comm, set), part = 0;
  for (int64_t i = 0; i < rows; i++) {
    const int64_t place = plan != NULL ? view_plan_group(plan, places[i]) : places[i];
    if (plan == NULL || plan->part_axis != plan->numbering[0]) {
      places[i] = (number[0] << FILE_SHIFT) + place;
      continue;
    }
    while (place < plan->part[part].first) part--;
    while (place >= plan->part[part].first + plan->part[part].count) part++;
    const struct view_part *in = &plan->part[part];
    places[i] = (number[in->file] << FILE_SHIFT) + in->within + place - in->first;
  }
  qsort(places, (size_t)rows, sizeof *places, by_number);
  *count = 0;
  for (int64_t i = 0; i < rows; i++)
    if (i == 0 || places[i] != places[*count - 1]) places[(*count)++] = places[i];
  return places;
}

// The least place that both have, -1 if there is none. The places of `b` go from rank to rank.
// Collective.
static int64_t find_common(struct comm *comm, const int64_t *a, int64_t count_a, const int64_t *b,
                           int64_t count_b) {
  int64_t least = INT64_MIN;  // of the negative ones the greatest
  for (int r = 0; r < comm_size(comm); r++) {
    const bool own = r == comm_rank(comm);
    int64_t count = own ? count_b : 0;
    comm_broadcast(comm, &count, sizeof count, r);
    if (count == 0) continue;
    int64_t *places = memory_new(int64_t, count);
    if (own) memcpy(places, b, (size_t)count * sizeof *places);
    comm_broadcast(comm, places, (size_t)count * sizeof *places, r);
    for (int64_t i = 0; i < count && -places[i] > least; i++)
      if (bsearch(&places[i], a, (size_t)count_a, sizeof *a, by_number) != NULL) least = -places[i];
    memory_free(&places);
  }
  comm_max_int64(comm, &least, 1);
  return least == INT64_MIN ? -1 : -least;
}

static void complain(const struct dataset_sources *a, const struct dataset_sources *b,
                     int64_t common, struct error *error) {
  const struct view_plan *plan = b->samples_plan;
  const char *axis = plan != NULL ? plan->axis[plan->numbering[0]].is.name : "sample";
  const char *path = common >= 0 ? file_path(a, common >> FILE_SHIFT) : file_path(b, 0);
  char place[64] = "";
  if (common >= 0)
    snprintf(place, sizeof place, " %lld", (long long)(common & (((int64_t)1 << FILE_SHIFT) - 1)));
  error_set(error,
            "%s: %s%s%s of %s is also in %s, and errors on samples used in training are not "
            "meaningful; choose others with first and count or select, or set data.allow_overlap: "
            "true",
            b->key, common >= 0 ? "" : "a ", axis, place, path, a->key);
}

void dataset_check_overlap(struct comm *comm, const struct dataset_sources *a,
                           const struct dataset_sources *b, struct error *error) {
  struct comparison comparison = {.wanted = false};
  if (a->options->generate != GENERATE_NONE || b->options->generate != GENERATE_NONE) return;
  bool common = false;
  int64_t *one = NULL, *other = NULL;
  if (comm_rank(comm) == 0) {
    one = number_files(a, a, &common);
    other = number_files(b, a, &common);
    comparison = compare(a, b, common);
  }
  comm_broadcast(comm, &comparison, sizeof comparison, 0);
  if (comparison.wanted && comparison.by_sample) {
    if (one == NULL) one = memory_new(int64_t, file_count(a));
    if (other == NULL) other = memory_new(int64_t, file_count(b));
    comm_broadcast(comm, one, (size_t)file_count(a) * sizeof *one, 0);
    comm_broadcast(comm, other, (size_t)file_count(b) * sizeof *other, 0);
    int64_t count_a, count_b;
    int64_t *places_a = list_places(comm, a, one, &count_a);
    int64_t *places_b = list_places(comm, b, other, &count_b);
    const int64_t place = find_common(comm, places_a, count_a, places_b, count_b);
    if (place >= 0) complain(a, b, place, error);
    memory_free(&places_a);
    memory_free(&places_b);
  } else if (comparison.wanted) {
    complain(a, b, -1, error);
  }
  memory_free(&one);
  memory_free(&other);
}
