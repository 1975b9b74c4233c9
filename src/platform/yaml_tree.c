#include "platform/yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "ground/checksum.h"
#include "ground/memory.h"
#include "ground/stop.h"

// A text while it is being parsed.
struct reader {
  yaml_parser_t parser;
  const char *text;
  size_t length;
  const char *name;
  size_t nodes;
  struct error *error;
};

__attribute__((format(printf, 3, 4))) static bool complain(const struct reader *reader,
                                                           const yaml_mark_t *mark,
                                                           const char *format, ...) {
  char reason[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  if (reader->name == NULL) return error_set(reader->error, "%s", reason);
  return error_set(reader->error, "%s:%zu:%zu: %s", reader->name, mark->line + 1, mark->column + 1,
                   reason);
}

// Marks count characters, whereas the text consists of bytes.
static char character_at(const struct reader *reader, const yaml_mark_t *mark) {
  size_t character = 0;
  for (size_t i = 0; i < reader->length; i++) {
    const bool begins_character = ((unsigned char)reader->text[i] & 0xC0) != 0x80;
    if (begins_character && character++ == mark->index) return reader->text[i];
  }
  return '\0';
}

static yaml_mark_t mark_of_byte(const struct reader *reader, size_t offset) {
  yaml_mark_t mark = {0};
  for (size_t i = 0; i < offset && i < reader->length; i++) {
    mark.column++;
    if (reader->text[i] == '\n') {
      mark.line++;
      mark.column = 0;
    }
  }
  return mark;
}

static bool complain_of_bytes(const struct reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  const yaml_mark_t mark = mark_of_byte(reader, parser->problem_offset);
  if (parser->problem_value < 0) return complain(reader, &mark, "%s", parser->problem);
  return complain(reader, &mark, "%s (0x%02X): this is not a plain text in UTF-8", parser->problem,
                  (unsigned)parser->problem_value);
}

// Advice for those error messages of libyaml that are not helpful by themselves.
static const char *advice(const char *problem) {
  static const char *const table[][2] = {
      {"mapping values are not allowed",
       "is the line indented too far, or does a text with a colon lack quotes?"},
      {"found unexpected ':'", "put a space after the colon that follows a key"},
      {"cannot start any token", "put text that begins like this in quotes"},
      {"alphabetic or numeric character", "put text that begins with * or & in quotes"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (strstr(problem, table[i][0]) != NULL) return table[i][1];
  return NULL;
}

static bool complain_of_syntax(const struct reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  const char *problem = parser->problem;
  const yaml_mark_t *mark = &parser->problem_mark;
  const bool tab =
      strstr(problem, "tab character") != NULL ||
      (strstr(problem, "cannot start any token") != NULL && character_at(reader, mark) == '\t');
  if (tab) return complain(reader, mark, "found a tab where spaces are needed");
  if (advice(problem) != NULL) return complain(reader, mark, "%s; %s", problem, advice(problem));
  if (parser->context == NULL || reader->name == NULL) return complain(reader, mark, "%s", problem);
  return complain(reader, mark, "%s, %s that begins in line %zu", problem, parser->context,
                  parser->context_mark.line + 1);
}

// Puts libyaml's reason into *error.
static bool complain_of_parser(const struct reader *reader) {
  switch (reader->parser.error) {
    case YAML_MEMORY_ERROR:
      error_fatal("out of memory while reading %s", reader->name ? reader->name : "YAML");
    case YAML_READER_ERROR:
      return complain_of_bytes(reader);
    default:
      return complain_of_syntax(reader);
  }
}

static bool next_event(struct reader *reader, yaml_event_t *event) {
  if (yaml_parser_parse(&reader->parser, event)) return true;
  return complain_of_parser(reader);
}

static char *copy_text(const yaml_event_t *scalar) {
  const size_t length = scalar->data.scalar.length;
  char *text = memory_new(char, length + 1);
  memcpy(text, scalar->data.scalar.value, length);
  return text;
}

static bool has_anchor(const yaml_event_t *event) {
  switch (event->type) {
    case YAML_ALIAS_EVENT:
      return true;
    case YAML_SCALAR_EVENT:
      return event->data.scalar.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT:
      return event->data.sequence_start.anchor != NULL;
    default:
      return event->data.mapping_start.anchor != NULL;
  }
}

static bool has_tag(const yaml_event_t *event) {
  switch (event->type) {
    case YAML_SCALAR_EVENT:
      return event->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
      return event->data.sequence_start.tag != NULL;
    default:
      return event->data.mapping_start.tag != NULL;
  }
}

static bool scalar_accepted(const struct reader *reader, const yaml_event_t *event) {
  const yaml_mark_t *mark = &event->start_mark;
  const size_t length = event->data.scalar.length;
  if (length > YAML_TREE_SCALAR)
    return complain(reader, mark, "a text of %zu bytes; at most %d are allowed", length,
                    YAML_TREE_SCALAR);
  if (memchr(event->data.scalar.value, '\0', length) != NULL)
    return complain(reader, mark, "a text must not hold the character \\0");
  return true;
}

// Whether `event` may begin a node `depth` levels below the root.
static bool node_accepted(struct reader *reader, const yaml_event_t *event, int depth) {
  const yaml_mark_t *mark = &event->start_mark;
  if (has_anchor(event))
    return complain(reader, mark,
                    "anchors and aliases (& and *) are not supported; put a text that begins so in "
                    "quotes");
  if (has_tag(event)) return complain(reader, mark, "tags (!) are not supported");
  if (depth >= YAML_TREE_DEPTH)
    return complain(reader, mark, "nested deeper than %d levels", YAML_TREE_DEPTH);
  if (++reader->nodes > YAML_TREE_NODES)
    return complain(reader, mark, "more than %d values", YAML_TREE_NODES);
  return event->type != YAML_SCALAR_EVENT || scalar_accepted(reader, event);
}

static bool key_accepted(const struct reader *reader, const yaml_event_t *event) {
  const yaml_mark_t *mark = &event->start_mark;
  if (event->type != YAML_SCALAR_EVENT)
    return complain(reader, mark, "a key must be a name, not a list, a map or an alias");
  if (has_anchor(event) || has_tag(event))
    return complain(reader, mark, "a key must be a plain name, without &, * or !");
  if (event->data.scalar.length == 0) return complain(reader, mark, "a key is missing before ':'");
  return scalar_accepted(reader, event);
}

static bool key_is_new(const struct reader *reader, const struct yaml_tree *map, const char *key,
                       const yaml_mark_t *mark) {
  const struct yaml_tree *earlier = yaml_tree_child(map, key);
  if (earlier == NULL) return true;
  if (earlier->line == (int)mark->line + 1)
    return complain(reader, mark, "the key %.64s is given twice", key);
  return complain(reader, mark, "the key %.64s is given twice, in lines %d and %zu", key,
                  earlier->line, mark->line + 1);
}

static struct yaml_tree *read_node(struct reader *reader, const yaml_event_t *event, int depth);

// Reads the event that begins a child, then the child; *end is set if the parent ends instead.
static struct yaml_tree *read_child(struct reader *reader, int depth, bool *end) {
  yaml_event_t event;
  if (!next_event(reader, &event)) return NULL;
  *end = event.type == YAML_SEQUENCE_END_EVENT;
  struct yaml_tree *child = *end ? NULL : read_node(reader, &event, depth);
  yaml_event_delete(&event);
  return child;
}

static bool read_list(struct reader *reader, struct yaml_tree *list, int depth) {
  struct yaml_tree **tail = &list->first;
  for (bool end = false;; list->count++) {
    *tail = read_child(reader, depth + 1, &end);
    if (*tail == NULL) return end;
    tail = &(*tail)->next;
  }
}

// Reads the value of the key that `event` holds and appends it to `map` at *tail.
static bool read_pair(struct reader *reader, struct yaml_tree *map, struct yaml_tree **tail,
                      const yaml_event_t *event, int depth) {
  if (!key_accepted(reader, event)) return false;
  char *key = copy_text(event);
  bool end = false;
  struct yaml_tree *value =
      key_is_new(reader, map, key, &event->start_mark) ? read_child(reader, depth + 1, &end) : NULL;
  if (value == NULL) {
    memory_free(&key);
    return false;
  }
  value->key = key;
  value->line = (int)event->start_mark.line + 1;
  value->column = (int)event->start_mark.column + 1;
  *tail = value;
  return true;
}

static bool read_map(struct reader *reader, struct yaml_tree *map, int depth) {
  struct yaml_tree **tail = &map->first;
  for (;; map->count++) {
    yaml_event_t event;
    if (!next_event(reader, &event)) return false;
    const bool end = event.type == YAML_MAPPING_END_EVENT;
    const bool read = !end && read_pair(reader, map, tail, &event, depth);
    yaml_event_delete(&event);
    if (!read) return end;
    tail = &(*tail)->next;
  }
}

// The node that `event` begins, or NULL with a message.
static struct yaml_tree *read_node(struct reader *reader, const yaml_event_t *event, int depth) {
  if (!node_accepted(reader, event, depth)) return NULL;
  struct yaml_tree *node = memory_new(struct yaml_tree, 1);
  node->line = (int)event->start_mark.line + 1;
  node->column = (int)event->start_mark.column + 1;
  bool read = true;
  if (event->type == YAML_SCALAR_EVENT) {
    node->kind = TREE_SCALAR;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = copy_text(event);
  } else if (event->type == YAML_SEQUENCE_START_EVENT) {
    node->kind = TREE_LIST;
    read = read_list(reader, node, depth);
  } else {
    node->kind = TREE_MAP;
    read = read_map(reader, node, depth);
  }
  if (!read) yaml_tree_destroy(&node);
  return node;
}

// Reads one event and says whether it is of `type`.
static bool next_is(struct reader *reader, yaml_event_type_t type) {
  yaml_event_t event;
  if (!next_event(reader, &event)) return false;
  const bool matches = event.type == type;
  yaml_event_delete(&event);
  return matches;
}

static struct yaml_tree *read_document(struct reader *reader) {
  const yaml_mark_t start = {0};
  bool end = false;
  struct yaml_tree *root = NULL;
  if (next_is(reader, YAML_STREAM_START_EVENT) && next_is(reader, YAML_DOCUMENT_START_EVENT))
    root = read_child(reader, 0, &end);
  if (root == NULL || (root->kind == TREE_SCALAR && !root->quoted && root->text[0] == '\0'))
    complain(reader, &start, "empty: there is nothing to read");
  else if (!next_is(reader, YAML_DOCUMENT_END_EVENT) || !next_is(reader, YAML_STREAM_END_EVENT))
    complain(reader, &reader->parser.mark, "a second document begins here (---); one is allowed");
  if (error_is_set(reader->error)) yaml_tree_destroy(&root);
  return root;
}

struct yaml_tree *yaml_tree_parse(const char *text, size_t length, const char *name,
                                  struct error *error) {
  struct reader reader = {.text = text, .length = length, .name = name, .error = error};
  const yaml_mark_t start = {0};
  if (length > YAML_TREE_BYTES) {
    complain(&reader, &start, "longer than %d bytes: this is not an input file", YAML_TREE_BYTES);
    return NULL;
  }
  if (!yaml_parser_initialize(&reader.parser)) error_fatal("cannot start libyaml: out of memory");
  yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
  struct yaml_tree *root = read_document(&reader);
  yaml_parser_delete(&reader.parser);
  if (root != NULL) root->text_hash = checksum(text, length, 0);
  return root;
}

// At most `size` bytes of an open file. A pipe into which nothing is written does not keep a
// process from ending when it is asked to.
static bool read_bytes(int file, char *text, size_t size, size_t *length) {
  struct pollfd input = {.fd = file, .events = POLLIN};
  for (*length = 0; *length < size;) {
    const int ready = poll(&input, 1, 500);
    if (ready <= 0) {
      if (stop_noticed(NULL, 0.0) != STOP_NONE)
        errno = EINTR;
      else if (ready == 0 || errno == EINTR)
        continue;
      return false;
    }
    const ssize_t got = read(file, text + *length, size - *length);
    if (got == 0) break;
    if (got > 0) *length += (size_t)got;
    if (got < 0 && errno != EAGAIN && errno != EINTR) return false;
  }
  return true;
}

// The text of a file, owned, with its length; NULL with a message if it cannot be read.
static char *read_text(const char *path, size_t *length, struct error *error) {
  const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) {
    error_set(error, "%s: cannot be opened: %s", path, strerror(errno));
    return NULL;
  }
  char *text = memory_new(char, YAML_TREE_BYTES + 1);
  if (!read_bytes(file, text, YAML_TREE_BYTES + 1, length)) {
    error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    memory_free(&text);
  }
  close(file);
  return text;
}

struct yaml_tree *yaml_tree_read(const char *path, struct error *error) {
  size_t length;
  char *text = read_text(path, &length, error);
  if (text == NULL) return NULL;
  struct yaml_tree *tree = yaml_tree_parse(text, length, path, error);
  memory_free(&text);
  return tree;
}

void yaml_tree_destroy(struct yaml_tree **tree) {
  struct yaml_tree *node = *tree;
  if (node == NULL) return;
  for (struct yaml_tree *child = node->first; child != NULL;) {
    struct yaml_tree *next = child->next;
    yaml_tree_destroy(&child);
    child = next;
  }
  memory_free(&node->key);
  memory_free(&node->text);
  memory_free(tree);
}

const struct yaml_tree *yaml_tree_child(const struct yaml_tree *map, const char *key) {
  for (const struct yaml_tree *child = map->first; child != NULL; child = child->next)
    if (child->key != NULL && strcmp(child->key, key) == 0) return child;
  return NULL;
}

bool yaml_tree_is_null(const struct yaml_tree *node) {
  static const char *const names[] = {"", "~", "null", "Null", "NULL"};
  if (node->kind != TREE_SCALAR || node->quoted) return false;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(node->text, names[i]) == 0) return true;
  return false;
}
