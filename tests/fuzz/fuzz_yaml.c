// The input file and its overrides. An input is the text of a file, then, each after a zero byte,
// overrides as `--set` takes them. The whole of it also goes through the YAML parser as it is.
#include <string.h>

#include "config.h"
#include "fuzz.h"
#include "memory.h"
#include "yaml_tree.h"

enum { OVERRIDES = 8 };

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct config config;
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
  if (config_read(&config, path, overrides, count, &error)) {
    FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
    check_echo(&config);
  } else {
    const bool by_override = strncmp(error.text, "--set ", 6) == 0;
    fuzz_check_message(&error, by_override ? "--set " : path);
  }
  memory_free(&text);
  return 0;
}
