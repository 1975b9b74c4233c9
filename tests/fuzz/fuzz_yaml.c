// The input file, its overrides and its sweep. An input is the text of a file followed by
// overrides, as after `--set`, each preceded by a zero byte. All of it is also passed to the YAML
// parser as it is.
#include <string.h>

#include "app/sweep.h"
#include "app/sweep_plan.h"
#include "fuzz.h"
#include "ground/memory.h"
#include "input/config_write.h"

enum { OVERRIDES = 8, MOST_TASKS = 64 };  // every task is read: more would be slow

static size_t check_tree(const struct yaml_tree *node, int depth) {
  size_t nodes = 1, children = 0;
  FUZZ_CHECK(depth < YAML_TREE_DEPTH, "nested too deep");
  FUZZ_CHECK(node->line > 0 && node->column > 0, "no place");
  FUZZ_CHECK((node->text != NULL) == (node->kind == TREE_SCALAR), "text of a node that has none");
  FUZZ_CHECK(node->text == NULL || strlen(node->text) <= YAML_TREE_SCALAR, "a long text");
  for (const struct yaml_tree *child = node->first; child != NULL; child = child->next) {
    FUZZ_CHECK((child->key != NULL) == (node->kind == TREE_MAP), "key of a node that has none");
    FUZZ_CHECK(child->key == NULL || yaml_tree_child(node, child->key) == child, "a key twice");
    nodes += check_tree(child, depth + 1);
    children++;
  }
  FUZZ_CHECK(children == node->count, "%zu children, %zu counted", children, node->count);
  return nodes;
}

static void parse(const char *text, size_t size) {
  struct error error = {""};
  struct yaml_tree *tree = yaml_tree_parse(text, size, "input.yaml", &error);
  if (tree == NULL) {
    FUZZ_CHECK(strncmp(error.text, "input.yaml:", 11) == 0, "no place in: %s", error.text);
  } else {
    FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
    FUZZ_CHECK(check_tree(tree, 0) <= YAML_TREE_NODES, "too many nodes");
  }
  yaml_tree_destroy(&tree);
}

// What was accepted is written and read back, and must be the same to the last byte.
static void check_echo(const struct config *config) {
  static struct config again;
  struct error error = {""};
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  config_write(config, stream);
  fclose(stream);
  FUZZ_CHECK(config_read(&again, fuzz_file(1, text, size), NULL, 0, &error), "%s\n%s", error.text,
             text);
  FUZZ_CHECK(memcmp(config, &again, sizeof again) == 0, "read back as another:\n%s", text);
  free(text);
}

// The tasks that the section `sweep` asks for; 0 if there is none, or if it is wrong.
static int64_t count_tasks(const char *path, const char *const *overrides, size_t count) {
  struct error error = {""};
  int64_t tasks = 0;
  struct config_source *source = config_source_open(path, overrides, count, &error);
  const struct yaml_tree *section = source != NULL ? config_source_sweep(source) : NULL;
  struct sweep_plan *plan = section != NULL ? sweep_plan_create(path, section, &error) : NULL;
  if (plan != NULL) {
    tasks = sweep_plan_count(plan);
    FUZZ_CHECK(tasks > 0 && tasks <= SWEEP_TASKS, "%lld tasks", (long long)tasks);
  }
  sweep_plan_destroy(&plan);
  config_source_close(&source);
  return tasks;
}

static void check_refusal(const struct error *error, const char *path) {
  const bool by_override = strncmp(error->text, "--set ", 6) == 0;
  fuzz_check_message(error, by_override ? "--set " : path);
}

// The values of the first and the last task, or of the only run there is.
static void check_tasks(struct sweep *sweep, const char *path) {
  static struct config config;
  const int64_t count = sweep_count(sweep);
  const int64_t tasks[] = {count > 0 ? 0 : SWEEP_NO_TASK, count - 1};
  for (int i = 0; i < (count > 1 ? 2 : 1); i++) {
    struct error error = {""};
    if (sweep_choose(sweep, tasks[i], &config, &error)) {
      FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
      check_echo(&config);
    } else {
      FUZZ_CHECK(count == 0, "a task of a checked sweep: %s", error.text);
      check_refusal(&error, path);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error error = {""};
  char *text = memory_new(char, size + 1);
  const char *overrides[OVERRIDES];
  size_t count = 0;
  if (size > 0) memcpy(text, data, size);
  parse(text, size);

  const size_t length = strlen(text);
  for (size_t i = length; i < size && count < OVERRIDES; i++)
    if (text[i] == '\0') overrides[count++] = text + i + 1;
  const char *path = fuzz_file(0, text, length);
  if (count_tasks(path, overrides, count) <= MOST_TASKS) {
    struct sweep *sweep = sweep_read(path, overrides, count, &error);
    if (sweep != NULL) {
      FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
      check_tasks(sweep, path);
    } else {
      check_refusal(&error, path);
    }
    sweep_destroy(&sweep);
  }
  memory_free(&text);
  return 0;
}
