// What the files of the module sweep share.
#ifndef GFE_SWEEP_INTERNAL_H
#define GFE_SWEEP_INTERNAL_H

#include "app/sweep.h"
#include "input/config_read.h"
#include "input/config_table.h"
#include "platform/yaml_tree.h"

enum { SWEEP_KEYS = 64, SWEEP_NAME = 48 };  // keys at the most; bytes of a directory's name

// A key that the sweep sets.
struct sweep_key {
  int parameter;
  char key[64];
  const struct yaml_tree *node;  // where it was first named; borrowed
};

// A position of a plan is one choice of values for its keys.
struct sweep_plan;
struct sweep_plan *sweep_plan_create(const char *path, const struct yaml_tree *section,
                                     struct error *error);
void sweep_plan_destroy(struct sweep_plan **plan);
int64_t sweep_plan_count(const struct sweep_plan *plan);
size_t sweep_plan_keys(const struct sweep_plan *plan, const struct sweep_key **keys);

// The values of a task, [at most SWEEP_KEYS]; returns how many. The nodes stand until the next
// call.
size_t sweep_plan_assign(struct sweep_plan *plan, int64_t task,
                         struct config_assignment *assignments);

// A number drawn for a key from `range`, whose two numbers are checked here; owned, with the line
// of the range. The value depends on seed, key and sample alone.
struct sweep_range {
  double lower, upper;
  bool log, integer;
};
struct yaml_tree *sweep_draw(const struct sweep_range *range, uint64_t seed, const char *key,
                             int64_t sample, int line);

// The index of a value drawn from a list of `count`.
size_t sweep_draw_index(size_t count, uint64_t seed, const char *key, int64_t sample);

struct sweep_task {
  uint64_t hash;
  char name[SWEEP_NAME];  // of its directory inside the run directory
  char **values;          // [key count] as text, empty where not given; owned
};

struct sweep {
  const char *path;  // borrowed
  struct config_source *source;
  struct sweep_plan *plan;      // NULL without a section `sweep`
  char directory[CONFIG_TEXT];  // run.directory as given
  int64_t count;
  struct sweep_task *tasks;
  int64_t clash;                // the first task whose place is taken; `count` if there is none
  char clash_name[SWEEP_NAME];  // by this directory
};

// Looks for the directories of earlier starts.
void sweep_find_directories(struct sweep *sweep);

// False with a message, with what differs, if the directory of another input is in the way.
bool sweep_check_directories(const struct sweep *sweep, struct error *error);

#endif
