#include "app/sweep_plan.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/provenance.h"
#include "ground/rng.h"
#include "ground/text.h"
#include "input/config_value.h"
#include "numerics/portable.h"

enum { FACTORS = SWEEP_KEYS + 3 };

// Two numbers between which values are drawn.
struct range {
  double lower, upper;
  bool log, integer;
};

// The values of one key: by position from a list, or drawn by it from a list or a range.
struct column {
  int key;                         // of the plan's
  const struct yaml_tree **nodes;  // borrowed nodes; NULL where an entry does not set the key
  size_t node_count;               // 0 for a range
  struct range range;
};

// Keys whose values change together.
struct factor {
  int64_t count;  // positions
  bool drawn;
  uint64_t seed;
  size_t column_count;
  struct column columns[SWEEP_KEYS];
};

struct sweep_plan {
  const char *path;
  size_t key_count, factor_count;
  struct sweep_key keys[SWEEP_KEYS];
  struct factor *factors[FACTORS];  // the slowest first
  struct yaml_tree *drawn[SWEEP_KEYS];
  size_t drawn_count;
};

// ---- words ----

static bool is_among(const char *word, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(word, names[i]) == 0) return true;
  return false;
}

// Reports which keys the section sweep itself may have. Returns false.
static bool complain_of_name(const struct config_place *place, const char *const *names,
                             size_t count, struct error *error) {
  char list[64] = "";
  const char *word = place->node->key, *nearest = error_nearest(word, names, count);
  text_append_names(list, sizeof list, names, count);
  if (nearest == NULL) return config_complain(place, error, "must be %s", list);
  return config_complain(place, error, "must be %s; did you mean %s?", list, nearest);
}

// ---- keys ----

static int find_key(const struct sweep_plan *plan, int parameter) {
  for (size_t k = 0; k < plan->key_count; k++)
    if (plan->keys[k].parameter == parameter) return (int)k;
  return -1;
}

// The plan's key that a child of a map names; one that is new to `factor` must be new to the plan.
// -1 with a message.
static int take_key(struct sweep_plan *plan, const struct factor *factor,
                    const struct yaml_tree *child, struct error *error) {
  const struct config_place place = {plan->path, NULL, child->key, child};
  const int parameter = config_key_find(&place, error);
  if (parameter < 0) return -1;
  const int found = find_key(plan, parameter);
  for (size_t c = 0; c < factor->column_count; c++)
    if (found >= 0 && factor->columns[c].key == found) return found;
  if (found >= 0) {
    config_complain(&place, error, "is swept twice, in lines %d and %d",
                    plan->keys[found].node->line, child->line);
    return -1;
  }
  if (strcmp(child->key, "run.directory") == 0) {
    config_complain(&place, error, "cannot be swept: each task has its own directory inside it");
    return -1;
  }
  if (plan->key_count == SWEEP_KEYS) {
    config_complain(&place, error, "more than %d keys are swept", SWEEP_KEYS);
    return -1;
  }
  struct sweep_key *key = &plan->keys[plan->key_count];
  key->parameter = parameter;
  key->node = child;
  snprintf(key->key, sizeof key->key, "%s", child->key);
  return (int)plan->key_count++;
}

// ---- factors ----

static struct factor *add_factor(struct sweep_plan *plan, int64_t count) {
  struct factor *factor = memory_new(struct factor, 1);
  factor->count = count;
  plan->factors[plan->factor_count++] = factor;
  return factor;
}

// A new column for a key, with room for `count` nodes; NULL with a message.
static struct column *add_column(struct sweep_plan *plan, struct factor *factor,
                                 const struct yaml_tree *child, size_t count, struct error *error) {
  const int key = take_key(plan, factor, child, error);
  if (key < 0) return NULL;
  struct column *column = &factor->columns[factor->column_count++];
  *column = (struct column){.key = key};
  column->nodes = memory_new(const struct yaml_tree *, count);
  column->node_count = count;
  return column;
}

// A column with the entries of a list under `key`, which may not be empty.
static bool add_values(struct sweep_plan *plan, struct factor *factor,
                       const struct yaml_tree *child, const struct yaml_tree *list,
                       struct error *error) {
  const struct config_place place = {plan->path, NULL, child->key, list};
  struct column *column = add_column(plan, factor, child, list->count, error);
  if (column == NULL) return false;
  if (list->kind != TREE_LIST || list->count == 0)
    return config_complain(&place, error, "must be a list of values to try, such as [1, 2, 5]");
  size_t i = 0;
  for (const struct yaml_tree *node = list->first; node != NULL; node = node->next)
    column->nodes[i++] = node;
  return true;
}

static bool must_be_map(const struct sweep_plan *plan, const char *name,
                        const struct yaml_tree *part, const char *example, struct error *error) {
  if (part->kind == TREE_MAP && part->count > 0) return true;
  const struct config_place place = {plan->path, NULL, name, part};
  return config_complain(&place, error, "must be keys with %s", example);
}

static bool read_grid(struct sweep_plan *plan, const struct yaml_tree *part, struct error *error) {
  if (!must_be_map(plan, "sweep.grid", part, "a list of values each", error)) return false;
  for (const struct yaml_tree *child = part->first; child != NULL; child = child->next) {
    // A key that is already present is a mistake, so there is always room for one more factor.
    struct factor *factor = add_factor(plan, (int64_t)child->count);
    if (!add_values(plan, factor, child, child, error)) return false;
  }
  return true;
}

static bool read_zip(struct sweep_plan *plan, const struct yaml_tree *part, struct error *error) {
  if (!must_be_map(plan, "sweep.zip", part, "a list of values each", error)) return false;
  struct factor *factor = add_factor(plan, (int64_t)part->first->count);
  for (const struct yaml_tree *child = part->first; child != NULL; child = child->next) {
    if (!add_values(plan, factor, child, child, error)) return false;
    if (child->count == part->first->count) continue;
    const struct config_place place = {plan->path, NULL, child->key, child};
    return config_complain(&place, error,
                           "has %zu values, but %s in line %d has %zu; lists of sweep.zip go side "
                           "by side and must be equally long",
                           child->count, part->first->key, part->first->line, part->first->count);
  }
  return true;
}

static bool read_list(struct sweep_plan *plan, const struct yaml_tree *part, struct error *error) {
  const struct config_place place = {plan->path, NULL, "sweep.list", part};
  if (part->kind != TREE_LIST || part->count == 0)
    return config_complain(&place, error,
                           "must be a list of tasks such as [{training.batch: 20}, ...]");
  struct factor *factor = add_factor(plan, (int64_t)part->count);
  size_t position = 0;
  for (const struct yaml_tree *entry = part->first; entry != NULL; entry = entry->next) {
    if (!must_be_map(plan, "sweep.list", entry, "a value each, such as {training.batch: 20}",
                     error))
      return false;
    for (const struct yaml_tree *child = entry->first; child != NULL; child = child->next) {
      const int key = take_key(plan, factor, child, error);
      if (key < 0) return false;
      struct column *column = NULL;
      for (size_t c = 0; c < factor->column_count; c++)
        if (factor->columns[c].key == key) column = &factor->columns[c];
      if (column == NULL) {
        column = &factor->columns[factor->column_count++];
        *column = (struct column){.key = key, .node_count = part->count};
        column->nodes = memory_new(const struct yaml_tree *, part->count);
      }
      column->nodes[position] = child;
    }
    position++;
  }
  return true;
}

// ---- random ----

// One of the options of `random`: how it is read.
static const struct config_row samples_row = {"samples", TYPE_INTEGER, 0, NULL,
                                              .range = {1, SWEEP_TASKS, CLOSED}};
static const struct config_row seed_row = {"seed", TYPE_INTEGER, 0, "1",
                                           .range = {0, 1e15, CLOSED}};
static const struct config_row log_row = {"log", TYPE_BOOLEAN, 0, "false", .text = NULL};

static bool read_option(const struct sweep_plan *plan, const struct config_row *row,
                        const struct yaml_tree *map, void *value, struct error *error) {
  char key[32];
  snprintf(key, sizeof key, "sweep.random.%s", row->key);
  const struct config_place place = {plan->path, NULL, key, yaml_tree_child(map, row->key)};
  return config_value_read(row, row->otherwise, &place, value, error);
}

// Reads one end of a range with the bounds of its key.
static bool read_end(const struct sweep_plan *plan, const char *key, const struct config_row *row,
                     const struct yaml_tree *node, double *value, struct error *error) {
  const struct config_place place = {plan->path, NULL, key, node};
  struct config_row number = *row;
  int64_t integer = 0;
  if (row->type != TYPE_INTEGER) number.type = TYPE_NUMBER;
  number.automatic = NULL;
  if (!config_value_read(&number, NULL, &place,
                         row->type == TYPE_INTEGER ? (void *)&integer : value, error))
    return false;
  if (row->type == TYPE_INTEGER) *value = (double)integer;
  return true;
}

static bool read_range(const struct sweep_plan *plan, const struct yaml_tree *child,
                       const struct config_row *row, struct range *range, struct error *error) {
  const struct yaml_tree *ends = yaml_tree_child(child, "range");
  const struct config_place place = {plan->path, NULL, child->key, ends};
  if (row->type != TYPE_INTEGER && row->type != TYPE_NUMBER && row->type != TYPE_DURATION &&
      row->type != TYPE_SCALE)
    return config_complain(&place, error, "a range needs a key with numbers; give choices: [...]");
  if (ends->kind != TREE_LIST || ends->count != 2)
    return config_complain(&place, error, "the range must be two numbers, [lowest, highest]");
  range->integer = row->type == TYPE_INTEGER;
  if (!read_option(plan, &log_row, child, &range->log, error) ||
      !read_end(plan, child->key, row, ends->first, &range->lower, error) ||
      !read_end(plan, child->key, row, ends->first->next, &range->upper, error))
    return false;
  if (range->lower > range->upper)
    return config_complain(&place, error, "the range must be [lowest, highest]");
  if (range->log && range->lower <= 0)
    return config_complain(&place, error, "a range with log: true must begin above 0");
  return true;
}

static bool check_options(const struct sweep_plan *plan, const struct yaml_tree *child,
                          struct error *error) {
  static const char *const names[] = {"range", "log", "choices"};
  if (child->kind != TREE_MAP) return true;
  for (const struct yaml_tree *option = child->first; option != NULL; option = option->next) {
    if (is_among(option->key, names, 3)) continue;
    const struct config_place place = {plan->path, NULL, option->key, option};
    return complain_of_name(&place, names, 3, error);
  }
  return true;
}

static bool read_random_key(struct sweep_plan *plan, struct factor *factor,
                            const struct yaml_tree *child, struct error *error) {
  const struct config_place place = {plan->path, NULL, child->key, child};
  const struct yaml_tree *range = NULL, *choices = NULL;
  if (child->kind == TREE_MAP) {
    range = yaml_tree_child(child, "range");
    choices = yaml_tree_child(child, "choices");
  }
  if (config_key_find(&place, error) < 0 || !check_options(plan, child, error)) return false;
  if ((range == NULL) == (choices == NULL) || (choices != NULL && child->count > 1))
    return config_complain(&place, error,
                           "must be {range: [lowest, highest]}, optionally with log: true, or "
                           "{choices: [values]}");
  if (choices != NULL) return add_values(plan, factor, child, choices, error);
  struct column *column = add_column(plan, factor, child, 0, error);
  return column != NULL &&
         read_range(plan, child, config_parameter((size_t)plan->keys[column->key].parameter).row,
                    &column->range, error);
}

static bool read_random(struct sweep_plan *plan, const struct yaml_tree *part,
                        struct error *error) {
  if (!must_be_map(plan, "sweep.random", part, "a range or choices each", error)) return false;
  const struct config_place place = {plan->path, NULL, "sweep.random", part};
  int64_t samples = 0, seed = 0;
  if (!read_option(plan, &samples_row, part, &samples, error) ||
      !read_option(plan, &seed_row, part, &seed, error))
    return false;
  if (samples == 0) return config_complain(&place, error, "needs samples: the number of draws");
  struct factor *factor = add_factor(plan, samples);
  factor->drawn = true;
  factor->seed = (uint64_t)seed;
  for (const struct yaml_tree *child = part->first; child != NULL; child = child->next) {
    if (strcmp(child->key, "samples") == 0 || strcmp(child->key, "seed") == 0) continue;
    if (!read_random_key(plan, factor, child, error)) return false;
  }
  if (factor->column_count > 0) return true;
  return config_complain(&place, error, "names no key to vary");
}

// ---- the section ----

// In the order of the factors, the slowest first.
static const struct {
  const char *name;
  bool (*read)(struct sweep_plan *plan, const struct yaml_tree *part, struct error *error);
} parts[] = {{"random", read_random}, {"grid", read_grid}, {"zip", read_zip}, {"list", read_list}};
enum { PARTS = sizeof parts / sizeof *parts };

static bool check_parts(const struct sweep_plan *plan, const struct yaml_tree *section,
                        struct error *error) {
  const struct config_place whole = {plan->path, NULL, CONFIG_SWEEP, section};
  const char *names[PARTS];
  char list[64] = "", key[CONFIG_KEY_TEXT];
  for (size_t p = 0; p < PARTS; p++) names[p] = parts[p].name;
  text_append_names(list, sizeof list, names, PARTS);
  if (section->kind != TREE_MAP || section->count == 0)
    return config_complain(&whole, error, "must be a section with %s", list);
  for (const struct yaml_tree *child = section->first; child != NULL; child = child->next) {
    if (is_among(child->key, names, PARTS)) continue;
    config_key_join(key, CONFIG_SWEEP, child->key);
    const struct config_place place = {plan->path, NULL, key, child};
    return complain_of_name(&place, names, PARTS, error);
  }
  return true;
}

static bool check_count(const struct sweep_plan *plan, const struct yaml_tree *section,
                        struct error *error) {
  double count = 1.0;
  for (size_t f = 0; f < plan->factor_count; f++) count *= (double)plan->factors[f]->count;
  if (count <= SWEEP_TASKS) return true;
  const struct config_place place = {plan->path, NULL, CONFIG_SWEEP, section};
  return config_complain(&place, error, "has %.6g tasks; at most %d are allowed", count,
                         SWEEP_TASKS);
}

struct sweep_plan *sweep_plan_create(const char *path, const struct yaml_tree *section,
                                     struct error *error) {
  struct sweep_plan *plan = memory_new(struct sweep_plan, 1);
  plan->path = path;
  bool read = check_parts(plan, section, error);
  for (size_t p = 0; p < PARTS && read; p++) {
    const struct yaml_tree *part = yaml_tree_child(section, parts[p].name);
    if (part != NULL && !yaml_tree_is_null(part)) read = parts[p].read(plan, part, error);
  }
  read = read && check_count(plan, section, error);
  if (!read) sweep_plan_destroy(&plan);
  return plan;
}

static void drop_drawn(struct sweep_plan *plan) {
  while (plan->drawn_count > 0) yaml_tree_destroy(&plan->drawn[--plan->drawn_count]);
}

void sweep_plan_destroy(struct sweep_plan **plan) {
  if (*plan == NULL) return;
  drop_drawn(*plan);
  for (size_t f = 0; f < (*plan)->factor_count; f++) {
    struct factor *factor = (*plan)->factors[f];
    for (size_t c = 0; c < factor->column_count; c++) memory_free(&factor->columns[c].nodes);
    memory_free(&(*plan)->factors[f]);
  }
  memory_free(plan);
}

int64_t sweep_plan_count(const struct sweep_plan *plan) {
  int64_t count = 1;
  for (size_t f = 0; f < plan->factor_count; f++) count *= plan->factors[f]->count;
  return count;
}

size_t sweep_plan_keys(const struct sweep_plan *plan, const struct sweep_key **keys) {
  *keys = plan->keys;
  return plan->key_count;
}

// ---- drawing: pure functions of seed, key and sample ----

static double uniform(uint64_t seed, const char *key, int64_t sample) {
  return rng_uniform(seed, RNG_SWEEP, provenance_hash(key), (uint64_t)sample);
}

// The index of a value drawn from a list of `count`.
static size_t draw_index(size_t count, uint64_t seed, const char *key, int64_t sample) {
  const size_t index = (size_t)(uniform(seed, key, sample) * (double)count);
  return index < count ? index : count - 1;
}

// Six digits are enough for a study. Logarithms are subtracted because the ratio of two numbers can
// overflow.
static double draw_number(const struct range *range, double u) {
  const double a = range->lower, b = range->upper;
  char text[TEXT_NUMBER];
  snprintf(text, sizeof text, "%.6g",
           range->log ? portable_exp(portable_log(a) + u * (portable_log(b) - portable_log(a)))
                      : a + u * (b - a));
  double value = 0.0;
  sscanf(text, "%lf", &value);
  return fmin(fmax(value, a), b);
}

// Each integer owns the interval from itself to the next.
static double draw_integer(const struct range *range, double u) {
  const double a = range->lower, b = range->upper + 1.0;
  const double value =
      floor(range->log ? a * portable_exp(u * portable_log(b / a)) : a + u * (b - a));
  return fmin(fmax(value, a), range->upper);
}

// A number drawn for a key, owned, with the line of its range.
static struct yaml_tree *draw(const struct range *range, uint64_t seed, const char *key,
                              int64_t sample, int line) {
  const double u = uniform(seed, key, sample);
  char text[TEXT_NUMBER];
  text_number(range->integer ? draw_integer(range, u) : draw_number(range, u), text);
  struct error error = {""};
  struct yaml_tree *node = yaml_tree_parse(text, strlen(text), NULL, &error);
  if (node == NULL) error_fatal("%s: %s", text, error.text);
  node->line = line;
  return node;
}

// ---- values ----

static const struct yaml_tree *value_at(struct sweep_plan *plan, const struct factor *factor,
                                        const struct column *column, int64_t position) {
  if (!factor->drawn) return column->nodes[position];
  const struct sweep_key *key = &plan->keys[column->key];
  if (column->node_count > 0)
    return column->nodes[draw_index(column->node_count, factor->seed, key->key, position)];
  struct yaml_tree *node = draw(&column->range, factor->seed, key->key, position, key->node->line);
  plan->drawn[plan->drawn_count++] = node;
  return node;
}

// The values of a task, [at most SWEEP_KEYS]; returns how many. The nodes are valid until the next
// call.
static size_t assign(struct sweep_plan *plan, int64_t task, struct config_assignment *assignments) {
  size_t count = 0;
  drop_drawn(plan);
  for (size_t f = plan->factor_count; f-- > 0;) {
    const struct factor *factor = plan->factors[f];
    const int64_t position = task % factor->count;
    task /= factor->count;
    for (size_t c = 0; c < factor->column_count; c++) {
      const struct column *column = &factor->columns[c];
      const struct yaml_tree *node = value_at(plan, factor, column, position);
      if (node == NULL) continue;
      assignments[count++] = (struct config_assignment){plan->keys[column->key].parameter, node};
    }
  }
  return count;
}

bool sweep_plan_resolve(struct sweep_plan *plan, const struct config_source *source, int64_t task,
                        struct config *config, struct error *error) {
  assert(task >= 0 && task < sweep_plan_count(plan));
  struct config_assignment assignments[SWEEP_KEYS];
  const size_t count = assign(plan, task, assignments);
  return config_source_resolve(source, assignments, count, config, error);
}
