// A resolved view: which places of which arrays make up a sample, and how samples are read. For
// src/data only. Axes have names and a number in the plan; an array of a file (struct view_array)
// says which axis of the plan each of its own axes is.
#ifndef GFE_VIEW_PLAN_H
#define GFE_VIEW_PLAN_H

#include "data/layout.h"
#include "data/reader.h"
#include "data/view.h"
#include "input/config.h"

// Those of a dataset, that of the files of a pattern, and one of a single place.
enum { PLAN_AXES = SOURCE_AXES + 2 };

// The role of an axis: it numbers samples, holds components, belongs to a sample, or is a single
// place.
enum plan_role { PLAN_NUMBERS, PLAN_COMPONENT, PLAN_SPACE, PLAN_FIXED };

// An axis, and the places selected on it: first, first + stride, ... (count of them).
struct plan_axis {
  struct layout_axis is;  // its length is that in all files together, or of the first component
  enum plan_role role;
  int64_t first, count, stride;
};

// A dataset of every file, or of every group of it.
struct view_array {
  char path[CONFIG_TEXT];  // '*' stands for the name of a group
  char name[VIEW_TEXT], units[VIEW_TEXT], standard_name[VIEW_TEXT];
  int axes;                     // of the dataset itself, without that of groups or files
  int axis[SOURCE_AXES];        // the axis of the plan that each of them is
  int64_t length[SOURCE_AXES];  // in the first file
  bool repeats[SOURCE_AXES];    // a single place, which serves for all places of the plan's axis
  int64_t taken[SOURCE_AXES];   // of axes of components: how many places are taken
  int64_t channels;             // that result from these
};

// Places [first, first + count) of the axis along which files or groups follow each other. `within`
// are the places of earlier parts of the same file.
struct view_part {
  int64_t file, group, first, count, within;  // group -1: the file has none
};

struct view_plan {
  int reader;  // its row in the table
  bool reversed;
  char layout[VIEW_TEXT];
  int axes;
  struct plan_axis axis[PLAN_AXES];
  int numbering_axes, numbering[VIEW_AXES];  // which axes number the samples, the last one fastest
  int space_axes, space[VIEW_AXES];
  int part_axis;          // along which the parts follow each other, -1: there is just one
  bool parts_in_dataset;  // whether datasets have that axis
  bool has_channel_axis;
  int64_t channels, entries, samples;  // of a sample; in all
  int64_t arrays, parts, files, groups;
  struct view_array *array;        // [arrays], owned, as are the following
  struct packing *packing;         // [files][arrays]
  struct view_part *part;          // [parts]
  char (*file)[CONFIG_TEXT];       // [files]
  char (*group)[VIEW_TEXT];        // [groups]
  double *coordinates[PLAN_AXES];  // [length] of axes that have some; of rank 0
  double *values;                  // of labels that are an axis: [its places taken], else NULL
  int value_axis;                  // that axis, by its place in `numbering`
};

// ---- by rank 0 alone ----

// The plan of a section's samples, according to the input file and the data files (data.*.file).
// `source` has the first file's reader, path and keys. Owned; NULL with a message.
struct view_plan *view_plan_open(const struct source *source, const struct data_options *options,
                                 struct error *error);

// What the files say, before the input file is taken into account: used by view_plan_open().
bool view_plan_describe(struct view_plan *plan, const struct source *source,
                        const struct data_options *options, struct error *error);

// The role of each axis, before the lengths in all files are known: for view_plan_describe().
bool view_plan_choose(struct view_plan *plan, const struct source *source,
                      const struct data_options *options, struct error *error);

// Whether the samples are simply the rows of a single dataset.
bool view_plan_is_plain(const struct view_plan *plan);

// What the source then is: a sample is (channel, space...).
void view_plan_shape(const struct view_plan *plan, struct source *source);

// The view of the samples, with coordinates. Owned.
struct view *view_plan_view(const struct view_plan *plan);

// A plan of the labels or weights of the samples of `plan`: source->name is a path in the same
// files or, for labels, the name of a numbering axis; or source->path is a separate file for all
// samples. *integer says whether the values are integers. Owned; NULL with a message.
struct view_plan *view_plan_companion(const struct view_plan *plan, const struct source *source,
                                      bool labels, bool *integer, struct error *error);

// Whether weights are the same for all samples.
bool view_plan_is_common(const struct view_plan *plan);

// ---- by all ranks ----

// The plan of rank 0 (NULL: there is none), on all ranks, owned. Collective.
struct view_plan *view_plan_broadcast(struct comm *comm, struct view_plan *plan);
void view_plan_destroy(struct view_plan **plan);

// The place along the first numbering axis, in all files, of a sample.
int64_t view_plan_group(const struct view_plan *plan, int64_t sample);

// Makes `source` one of a plan (borrowed), that reader_view reads. Packed numbers are then
// unpacked, and those missing are NaN.
void view_plan_attach(struct view_plan *plan, struct source *source);

#endif
