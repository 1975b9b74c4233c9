#include "app/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sweep_internal.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "ground/text.h"
#include "input/config_compare.h"
#include "input/config_write.h"

// ---- reading ----

// The value of a key as text, owned; empty if none is given.
static char *value_text(const struct config *config, int parameter) {
  const struct config_parameter p = config_parameter((size_t)parameter);
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  if (stream == NULL) error_fatal("out of memory");
  if (config->given[p.index]) config_write_value(config, &p, -1, stream);
  if (fclose(stream) != 0) error_fatal("out of memory");
  if (text[0] == ' ') memmove(text, text + 1, strlen(text));
  return text;
}

static int index_width(const struct sweep *sweep) {
  return snprintf(NULL, 0, "%lld", (long long)sweep->count - 1);
}

static bool read_task(struct sweep *sweep, int64_t index, struct config *config,
                      struct error *error) {
  if (!sweep_plan_resolve(sweep->plan, sweep->source, index, config, error)) {
    text_append(error->text, sizeof error->text, " (task %lld of the sweep)", (long long)index);
    return false;
  }
  if (strlen(config->run.directory) + 1 + SWEEP_NAME > CONFIG_TEXT)
    return error_set(error, "%s: run.directory is too long for the directories of a sweep's tasks",
                     sweep->path);
  strcpy(sweep->directory, config->run.directory);
  struct sweep_task *task = &sweep->tasks[index];
  task->hash = config_hash(config);
  snprintf(task->name, sizeof task->name, "task_%0*lld_%08llx", index_width(sweep),
           (long long)index, (unsigned long long)(task->hash >> 32));
  const struct sweep_key *keys;
  const size_t count = sweep_plan_keys(sweep->plan, &keys);
  task->values = memory_new(char *, count);
  for (size_t k = 0; k < count; k++) task->values[k] = value_text(config, keys[k].parameter);
  return true;
}

// A value on the command line for a key that is swept would be ambiguous.
static bool check_overrides(const struct sweep *sweep, struct error *error) {
  const struct sweep_key *keys;
  const size_t count = sweep_plan_keys(sweep->plan, &keys);
  for (size_t k = 0; k < count; k++) {
    const char *override = config_source_override(sweep->source, keys[k].parameter);
    if (override != NULL)
      return error_set(error, "--set %.200s: %s is also swept in %s:%d; remove it from one of them",
                       override, keys[k].key, sweep->path, keys[k].node->line);
  }
  return true;
}

// Reads what has not been read yet of the first `count` tasks.
static bool read_tasks(struct sweep *sweep, int64_t count, struct error *error) {
  struct config *config = memory_new(struct config, 1);
  bool read = true;
  for (int64_t index = 0; index < count && read; index++)
    read = sweep->tasks[index].values != NULL || read_task(sweep, index, config, error);
  memory_free(&config);
  return read;
}

// A hash of input file, overrides and program.
static uint64_t hash_input(const struct config_source *source, const char *const *overrides,
                           size_t count) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  if (stream == NULL) error_fatal("out of memory");
  fprintf(stream, "%" PRIx64, config_source_hash(source));
  for (size_t i = 0; i < count; i++) fprintf(stream, "\n%s", overrides[i]);
  fprintf(stream, "\n%s", provenance_program());
  if (fclose(stream) != 0) error_fatal("out of memory");
  const uint64_t hash = provenance_hash(text);
  free(text);
  return hash;
}

// Reads all tasks, unless an earlier start with exactly this input has read, checked and recorded
// them: a study with thousands of tasks should not be read thousands of times.
static bool read_needed(struct sweep *sweep, struct error *error) {
  sweep->count = sweep_plan_count(sweep->plan);
  sweep->tasks = memory_new(struct sweep_task, sweep->count);
  if (!read_tasks(sweep, sweep->count < 1 ? 0 : 1, error)) return false;
  sweep->recorded = sweep_is_recorded(sweep);
  return sweep->recorded || read_tasks(sweep, sweep->count, error);
}

bool sweep_read_all(struct sweep *sweep, struct error *error) {
  if (!read_tasks(sweep, sweep->count, error)) return false;
  sweep_find_directories(sweep);
  return true;
}

struct sweep *sweep_read(const char *path, const char *const *overrides, size_t override_count,
                         struct error *error) {
  struct sweep *sweep = memory_new(struct sweep, 1);
  sweep->path = path;
  sweep->source = config_source_open(path, overrides, override_count, error);
  const struct yaml_tree *section =
      sweep->source != NULL ? config_source_sweep(sweep->source) : NULL;
  if (section != NULL) {
    sweep->plan = sweep_plan_create(path, section, error);
    sweep->hash = hash_input(sweep->source, overrides, override_count);
    if (sweep->plan != NULL && check_overrides(sweep, error)) read_needed(sweep, error);
  }
  if (error_is_set(error)) sweep_destroy(&sweep);
  return sweep;
}

void sweep_destroy(struct sweep **sweep) {
  if (*sweep == NULL) return;
  const struct sweep_key *keys;
  const size_t count = (*sweep)->plan != NULL ? sweep_plan_keys((*sweep)->plan, &keys) : 0;
  for (int64_t t = 0; t < (*sweep)->count; t++) {
    char **values = (*sweep)->tasks[t].values;
    for (size_t k = 0; k < count && values != NULL; k++) memory_free(&values[k]);
    memory_free(&(*sweep)->tasks[t].values);
  }
  memory_free(&(*sweep)->tasks);
  sweep_plan_destroy(&(*sweep)->plan);
  config_source_close(&(*sweep)->source);
  memory_free(sweep);
}

int64_t sweep_count(const struct sweep *sweep) { return sweep->count; }

// ---- one task ----

// The task that Slurm asks for, or SWEEP_NO_TASK; false with a message if that is not a number.
static bool slurm_task(int64_t *task, struct error *error) {
  const char *text = getenv("SLURM_ARRAY_TASK_ID");
  *task = SWEEP_NO_TASK;
  if (text == NULL || text[0] == '\0') return true;
  char *end;
  errno = 0;
  *task = strtoll(text, &end, 10);
  if (*end == '\0' && errno == 0 && *task >= 0) return true;
  return error_set(error,
                   "SLURM_ARRAY_TASK_ID = %.64s: not the number of a task; give one with "
                   "--task N",
                   text);
}

bool sweep_choose(struct sweep *sweep, int64_t task, struct config *config, struct error *error) {
  if (sweep->plan == NULL) {
    if (task == SWEEP_NO_TASK) return config_source_resolve(sweep->source, NULL, 0, config, error);
    return error_set(error, "--task %lld: %s has no section sweep, so it is a single run",
                     (long long)task, sweep->path);
  }
  const bool asked = task != SWEEP_NO_TASK;
  const long long last = (long long)sweep->count - 1;
  if (!asked && !slurm_task(&task, error)) return false;
  if (task == SWEEP_NO_TASK)
    return error_set(error,
                     "%s: a sweep of %lld tasks; --task N runs one of them (0 to %lld; in a Slurm "
                     "array its index does), --tasks lists them",
                     sweep->path, last + 1, last);
  if (task > last)
    return error_set(error, "%s%lld: %s has %lld tasks, 0 to %lld; --tasks lists them",
                     asked ? "--task " : "SLURM_ARRAY_TASK_ID = ", (long long)task, sweep->path,
                     last + 1, last);
  if (sweep->tasks[task].values == NULL && !read_task(sweep, task, config, error)) return false;
  sweep_find_directories(sweep);
  if (!sweep_check_directories(sweep, error)) return false;
  if (!sweep_plan_resolve(sweep->plan, sweep->source, task, config, error)) return false;
  text_append(config->run.directory, CONFIG_TEXT, "/%s", sweep->tasks[task].name);
  return true;
}
