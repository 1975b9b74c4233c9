// The parser of YAML: trees, places, limits and messages.
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "platform/yaml_tree.h"
#include "support/test.h"

static struct yaml_tree *parse(const char *text, struct error *error) {
  memset(error, 0, sizeof *error);
  return yaml_tree_parse(text, strlen(text), "in.yaml", error);
}

static void test_tree(void) {
  struct error error;
  struct yaml_tree *root = parse(
      "# a comment\n"
      "section:\n"
      "  number: 3\n"
      "  list: [a, \"b c\", {inner: ~}]\n"
      "  block:\n"
      "    - x\n"
      "    - 'null'\n"
      "empty:\n",
      &error);
  CHECK(root != NULL, "%s", error.text);
  if (root == NULL) return;
  CHECK(root->kind == TREE_MAP && root->count == 2, "%zu children", root->count);
  const struct yaml_tree *section = yaml_tree_child(root, "section");
  CHECK(section != NULL && section->count == 3, "section");
  CHECK(section->line == 2 && section->column == 1, "%d:%d", section->line, section->column);
  CHECK(yaml_tree_child(root, "number") == NULL, "found in the wrong map");

  const struct yaml_tree *number = yaml_tree_child(section, "number");
  CHECK(number != NULL && strcmp(number->text, "3") == 0 && !number->quoted, "number");
  CHECK(number->line == 3 && number->column == 3, "%d:%d", number->line, number->column);

  const struct yaml_tree *list = yaml_tree_child(section, "list");
  CHECK(list->kind == TREE_LIST && list->count == 3, "%zu items", list->count);
  CHECK(list->first->key == NULL && strcmp(list->first->text, "a") == 0, "first item");
  const struct yaml_tree *quoted = list->first->next;
  CHECK(quoted->quoted && strcmp(quoted->text, "b c") == 0, "second item");
  const struct yaml_tree *inner = yaml_tree_child(quoted->next, "inner");
  CHECK(yaml_tree_is_null(inner) && inner->column == 21, "column %d", inner->column);

  const struct yaml_tree *block = yaml_tree_child(section, "block");
  CHECK(block->line == 5 && block->first->line == 6, "a list's place is that of its key");
  CHECK(!yaml_tree_is_null(block->first->next), "a null in quotes is a text");
  CHECK(yaml_tree_is_null(yaml_tree_child(root, "empty")), "nothing is null");
  CHECK(!yaml_tree_is_null(root), "a map is not null");
  yaml_tree_destroy(&root);
  CHECK(root == NULL, "not nulled");
  yaml_tree_destroy(&root);
}

static void test_accepted(void) {
  static const char *const texts[] = {
      "\xEF\xBB\xBF"
      "a: 1\n",  // byte order mark
      "a: 1\r\nb: 2\r\n",
      "---\na: 1\n",
      "a:\t1\n",
      "name: donn\xC3\xA9"
      "es\n",
      "just a text",
      "~",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct error error;
    struct yaml_tree *root = parse(texts[i], &error);
    CHECK(root != NULL && !error_is_set(&error), "text %zu: %s", i, error.text);
    yaml_tree_destroy(&root);
  }
}

static void test_refused(void) {
  static const char *const cases[][2] = {
      {"", "in.yaml:1:1: empty"},
      {"# only a comment\n", "in.yaml:1:1: empty"},
      {"---\n", "in.yaml:1:1: empty"},
      {"a:\n\tb: 1\n", "in.yaml:2:1: found a tab where spaces are needed"},
      {"a:\n  b: 1\n\tc: 2\n", "in.yaml:3:1: found a tab where spaces are needed"},
      {"\ta: 1\n", "in.yaml:1:1: found a tab where spaces are needed"},
      {"a: |\n\tb\n", "in.yaml:2:1: found a tab where spaces are needed"},
      {"-\tx\n", "in.yaml:1:2: found a tab where spaces are needed"},
      {"\xC3\xA9: 1\n\tb: 2\n", "in.yaml:2:1: found a tab where spaces are needed"},
      {"a: 1\nb: 2\na: 3\n", "in.yaml:3:1: the key a is given twice, in lines 1 and 3"},
      {"x: {a: 1,\n a: 2}\n", "in.yaml:2:2: the key a is given twice, in lines 1 and 2"},
      {"a: 1\n---\nb: 1\n", "a second document"},
      {"a: &x 1\n", "in.yaml:1:4: anchors and aliases (& and *) are not supported"},
      {"a: &x [1]\nb: *x\n", "anchors and aliases"},
      {"a: &x {b: 1}\n", "anchors and aliases"},
      {"a: *x\n", "in.yaml:1:4: anchors and aliases"},
      {"*x : 1\n", "in.yaml:1:1: a key must be a name"},
      {"&x a: 1\n", "in.yaml:1:1: a key must be a plain name"},
      {"a: *.gz\n", "put text that begins with * or & in quotes"},
      {"a: @x\n", "in.yaml:1:4: found character that cannot start any token; put text"},
      {"a: !!int 3\n", "in.yaml:1:4: tags (!) are not supported"},
      {"a: !x [3]\n", "tags (!) are not supported"},
      {"[a]: 1\n", "in.yaml:1:1: a key must be a name"},
      {"? {a: 1}\n: 2\n", "in.yaml:1:3: a key must be a name"},
      {"\"\": 1\n", "in.yaml:1:1: a key is missing before ':'"},
      {"a: b: c\n", "in.yaml:1:5: mapping values are not allowed in this context; is the line"},
      {"a: 1\n b: 2\n", "in.yaml:2:3: mapping values are not allowed"},
      {"{a:}\n", "found unexpected ':'; put a space after the colon"},
      {"a: [1, 2\n", "did not find expected ',' or ']', while parsing a flow sequence that"},
      {"a: \"x\n", "found unexpected end of stream"},
      {"a: 1\nb: \xFF\n", "in.yaml:2:4: invalid leading UTF-8 octet (0xFF)"},
      {"a: \x01\n", "in.yaml:1:4: control characters are not allowed (0x01)"},
      {"a: \"b\\0c\"\n", "in.yaml:1:4: a text must not hold the character \\0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct error error;
    struct yaml_tree *root = parse(cases[i][0], &error);
    CHECK(root == NULL, "accepted: %s", cases[i][0]);
    CHECK(strstr(error.text, cases[i][1]) != NULL, "'%s' says '%s', not '%s'", cases[i][0],
          error.text, cases[i][1]);
    yaml_tree_destroy(&root);
  }
}

// A text of `count` times `unit`, then `end`.
static struct yaml_tree *parse_repeated(const char *unit, size_t count, const char *end,
                                        struct error *error) {
  char *text = memory_new(char, strlen(unit) * count + strlen(end) + 1);
  for (size_t i = 0; i < count; i++) memcpy(text + i * strlen(unit), unit, strlen(unit));
  memcpy(text + count * strlen(unit), end, strlen(end));
  struct yaml_tree *root = parse(text, error);
  memory_free(&text);
  return root;
}

static void test_limits(void) {
  static const struct {
    const char *unit;
    size_t count;
    const char *end, *message;  // NULL: accepted
  } cases[] = {
      {"[", YAML_TREE_DEPTH - 1, "1", "did not find expected ',' or ']'"},
      {"[", YAML_TREE_DEPTH, "1", "nested deeper than 64 levels"},
      {"[", 1000000, "", "nested deeper than 64 levels"},
      {"{a: ", 200000, "", "nested deeper than 64 levels"},
      {"- ", 400000, "x", "nested deeper than 64 levels"},
      {"x", YAML_TREE_SCALAR, "", NULL},
      {"x", YAML_TREE_SCALAR + 1, "", "a text of 4097 bytes; at most 4096 are allowed"},
      {"x", YAML_TREE_SCALAR + 1, ": 1", "a text of 4097 bytes"},
      {"- 1\n", YAML_TREE_NODES - 1, "", NULL},
      {"- 1\n", YAML_TREE_NODES, "", "more than 4096 values"},
      {"\n", YAML_TREE_BYTES - 1, "x", NULL},
      {"\n", YAML_TREE_BYTES, "x", "longer than 1048576 bytes"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct error error;
    struct yaml_tree *root = parse_repeated(cases[i].unit, cases[i].count, cases[i].end, &error);
    CHECK((root != NULL) == (cases[i].message == NULL), "case %zu: %s", i, error.text);
    if (cases[i].message != NULL)
      CHECK(strstr(error.text, cases[i].message) != NULL, "case %zu: %s", i, error.text);
    yaml_tree_destroy(&root);
  }
}

static void test_names(void) {
  struct error error = {0};
  CHECK(yaml_tree_parse("a: [1", 5, NULL, &error) == NULL, "accepted");
  CHECK(strncmp(error.text, "did not find", 12) == 0, "without a name: %s", error.text);
  struct error zero = {0};
  CHECK(yaml_tree_parse("a: \0b", 5, "in.yaml", &zero) == NULL, "accepted");
  CHECK(strstr(zero.text, "in.yaml:1:4: control characters are not allowed (0x00)"), "%s",
        zero.text);
}

// Every beginning of a text either gives a tree or a message, and leaves nothing behind.
static void test_truncated(void) {
  static const char text[] =
      "run: {directory: \"runs/\\u00e9\", tasks: [train, evaluate]}\n"
      "decoder:\n  layers:\n    - {dense: 2, activation: elu}\n    - ? dense\n      : 3\n"
      "  note: >\n    folded\n    text\n";
  for (size_t length = 0; length < sizeof text; length++) {
    struct error error = {0};
    struct yaml_tree *root = yaml_tree_parse(text, length, "in.yaml", &error);
    CHECK((root == NULL) == error_is_set(&error), "at %zu: %s", length, error.text);
    yaml_tree_destroy(&root);
  }
}

// A byte order mark is no part of the text, in UTF-16 it says which it is.
static void test_marks(void) {
  static const char wide[] =
      "\xff\xfe"
      "a\0:\0 \0"
      "1\0\n\0b\0:\0 \0\xe9\0\n";
  struct error error = {""};
  struct yaml_tree *root = parse("\xef\xbb\xbfsection:\r\n  a: 1\r\nother: 2\r\n", &error);
  CHECK(root != NULL && root->count == 2 && root->first->column == 1, "%s", error.text);
  yaml_tree_destroy(&root);
  root = yaml_tree_parse(wide, sizeof wide, "in.yaml", &error);
  CHECK(root != NULL && root->count == 2, "%s", error.text);
  if (root != NULL) CHECK(strcmp(yaml_tree_child(root, "b")->text, "\u00e9") == 0, "b");
  yaml_tree_destroy(&root);
}

int main(void) {
  test_marks();
  test_tree();
  test_accepted();
  test_refused();
  test_limits();
  test_names();
  test_truncated();
  return test_summary();
}
