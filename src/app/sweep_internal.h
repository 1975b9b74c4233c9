// A sweep as sweep.c and sweep_files.c share it.
#ifndef GFE_SWEEP_INTERNAL_H
#define GFE_SWEEP_INTERNAL_H

#include "app/sweep_plan.h"
#include "input/config_read.h"

enum { SWEEP_NAME = 48 };  // bytes of a directory's name

struct sweep_task {
  uint64_t hash;
  char name[SWEEP_NAME];  // of its directory inside the run directory
  char **values;          // [key count] as text, empty where not given; owned; NULL: not read yet
};

struct sweep {
  const char *path;  // borrowed
  struct config_source *source;
  struct sweep_plan *plan;      // NULL without a section `sweep`
  char directory[CONFIG_TEXT];  // run.directory as given
  uint64_t hash;                // of the input
  bool recorded;                // sweep.json belongs to this input, so all tasks were valid
  int64_t count;
  struct sweep_task *tasks;
  int64_t clash;                // the first task whose directory is taken; `count` if there is none
  char clash_name[SWEEP_NAME];  // by this directory
};

// ---- sweep.c ----

// Reads all tasks and looks for their directories; false with a message if one is wrong.
bool sweep_read_all(struct sweep *sweep, struct error *error);

// ---- sweep_files.c ----

// Whether sweep.json belongs to this input; to be called once the first task has been read.
bool sweep_is_recorded(const struct sweep *sweep);

// Looks for directories from earlier starts, for the tasks that have been read.
void sweep_find_directories(struct sweep *sweep);

// False, with a message that says what differs, if the directory of a different input is in the
// way.
bool sweep_check_directories(const struct sweep *sweep, struct error *error);

#endif
