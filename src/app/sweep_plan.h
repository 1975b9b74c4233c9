// The tasks of a section `sweep`: which keys take which values. For sweep*.c only.
#ifndef GFE_SWEEP_PLAN_H
#define GFE_SWEEP_PLAN_H

#include "input/config_read.h"
#include "input/config_table.h"
#include "platform/yaml_tree.h"

enum {
  SWEEP_TASKS = 1000000,  // largest number of tasks, and of keys
  SWEEP_KEYS = 64
};

// A key that the sweep sets.
struct sweep_key {
  int parameter;
  char key[64];
  const struct yaml_tree *node;  // where it was first named; borrowed
};

struct sweep_plan;  // owned by the caller of sweep_plan_create()

// Reads the section (borrowed, like `path`); NULL with a message in *error.
struct sweep_plan *sweep_plan_create(const char *path, const struct yaml_tree *section,
                                     struct error *error);
void sweep_plan_destroy(struct sweep_plan **plan);

int64_t sweep_plan_count(const struct sweep_plan *plan);
size_t sweep_plan_keys(const struct sweep_plan *plan, const struct sweep_key **keys);

// The configuration of a task: the input file's with the task's values. False with a message.
bool sweep_plan_resolve(struct sweep_plan *plan, const struct config_source *source, int64_t task,
                        struct config *config, struct error *error);

#endif
