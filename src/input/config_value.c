#include "input/config_value.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/text.h"

enum { SHOWN = 60, ALLOWED = 512 };  // bytes of a value, and of what is allowed, in a message

// ---- messages ----

// Appends " = value" as one short line.
static void append_value(char *text, size_t size, const struct yaml_tree *node) {
  if (node->kind != TREE_SCALAR) {
    text_append(text, size, node->kind == TREE_LIST ? " = [...]" : " = {...}");
    return;
  }
  size_t length = strlen(node->text);
  if (length > SHOWN)
    for (length = SHOWN; ((unsigned char)node->text[length] & 0xC0) == 0x80;) length--;
  if (length == 0 && node->quoted) text_append(text, size, " = \"\"");
  if (length == 0) return;
  text_append(text, size, " = %.*s%s", (int)length, node->text,
              node->text[length] != '\0' ? "..." : "");
}

// Whether an override is just "key=value", so that key and value need not be repeated.
static bool says_all(const struct config_place *place) {
  const char *value = strchr(place->override, '=');
  if (value == NULL || place->node == NULL || place->node->kind != TREE_SCALAR) return false;
  const size_t length = (size_t)(value - place->override);
  return strlen(place->key) == length && strncmp(place->key, place->override, length) == 0 &&
         strcmp(place->node->text, value + 1) == 0;
}

bool config_complain(const struct config_place *place, struct error *error, const char *format,
                     ...) {
  struct error message = {0};
  char *text = message.text;
  const size_t size = sizeof message.text;
  if (place->override != NULL)
    text_append(text, size, "--set %.200s: ", place->override);
  else if (place->node != NULL)
    text_append(text, size, "%s:%d: ", place->path, place->node->line);
  else
    text_append(text, size, "%s: ", place->path);
  if (place->override == NULL || !says_all(place)) {
    text_append(text, size, "%.200s", place->key);
    if (place->node != NULL) append_value(text, size, place->node);
    text_append(text, size, ": ");
  }
  const size_t length = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + length, size - length, format, arguments);
  va_end(arguments);
  return error_set(error, "%s", text);
}

// ---- names ----

static int find_name(const char *text, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(text, names[i]) == 0) return (int)i;
  return -1;
}

static bool complain_of_name(const struct config_place *place, const char *allowed,
                             const char *const *names, size_t count, struct error *error) {
  const char *nearest =
      place->node->kind == TREE_SCALAR ? error_nearest(place->node->text, names, count) : NULL;
  if (nearest == NULL) return config_complain(place, error, "must be %s", allowed);
  return config_complain(place, error, "must be %s; did you mean %s?", allowed, nearest);
}

// The index of a scalar's text among `names`, or -1 with a message.
static int read_name(const struct config_place *place, const char *const *names, size_t count,
                     struct error *error) {
  const int found =
      place->node->kind == TREE_SCALAR ? find_name(place->node->text, names, count) : -1;
  if (found >= 0) return found;
  char allowed[ALLOWED] = "";
  text_append_names(allowed, sizeof allowed, names, count);
  complain_of_name(place, allowed, names, count, error);
  return -1;
}

// ---- numbers ----

static bool parse_text(const char *text, double *value) {
  if (text[strspn(text, "+-.0123456789eE")] != '\0') return false;
  char *end;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(*value);
}

static bool parse_number(const struct yaml_tree *node, double *value) {
  return node->kind == TREE_SCALAR && parse_text(node->text, value);
}

// What may be given instead of a value.
static const char *or_automatic(const struct config_row *row) {
  return row->automatic != NULL ? " or auto" : "";
}

static bool check_range(const struct config_row *row, const struct config_place *place,
                        double value, struct error *error) {
  const struct config_range *range = &row->range;
  char bound[TEXT_NUMBER];
  const bool open_lower = range->ends & OPEN_LOWER, open_upper = range->ends & OPEN_UPPER;
  if (value < range->lower || (open_lower && value == range->lower))
    return config_complain(place, error, "must be %s %s", open_lower ? "greater than" : "at least",
                           text_number(range->lower, bound));
  if (value > range->upper || (open_upper && value == range->upper))
    return config_complain(place, error, "must be %s %s", open_upper ? "less than" : "at most",
                           text_number(range->upper, bound));
  return true;
}

// ---- reading ----

static bool read_boolean(const struct config_row *row, const struct config_place *place,
                         bool *value, struct error *error) {
  static const char *const names[] = {"true", "yes", "on", "false", "no", "off"};
  for (size_t i = 0; i < 6 && place->node->kind == TREE_SCALAR; i++) {
    if (!text_same_word(place->node->text, names[i])) continue;
    *value = i < 3;
    return true;
  }
  return config_complain(place, error, "must be true%s false%s",
                         row->automatic == NULL ? " or" : ",", or_automatic(row));
}

bool config_integer_read(const struct config_row *row, const struct config_place *place,
                         int64_t *value, struct error *error) {
  double number;
  const struct yaml_tree *node = place->node;
  if (row->most != NULL && node->kind == TREE_SCALAR && text_same_word(node->text, row->most)) {
    *value = (int64_t)row->range.upper;
    return true;
  }
  if (!parse_number(node, &number) || number != floor(number))
    return config_complain(place, error, "must be an integer%s%s%s", or_automatic(row),
                           row->most != NULL ? " or " : "", row->most != NULL ? row->most : "");
  if (!check_range(row, place, number, error)) return false;
  *value = (int64_t)number;
  return true;
}

static bool read_number(const struct config_row *row, const struct config_place *place,
                        double *value, struct error *error) {
  if (!parse_number(place->node, value))
    return config_complain(place, error, "must be a finite number%s", or_automatic(row));
  return check_range(row, place, *value, error);
}

// "D-HH:MM:SS" or "HH:MM:SS" in seconds; hours may go beyond a day where no days are given.
static bool parse_clock(const char *text, double *seconds) {
  unsigned days = 0, hours, minutes, rest;
  int length = -1;
  const bool has_days = strchr(text, '-') != NULL;
  if (text[strspn(text, "0123456789:-")] != '\0') return false;
  if (has_days)
    sscanf(text, "%9u-%2u:%2u:%2u%n", &days, &hours, &minutes, &rest, &length);
  else
    sscanf(text, "%9u:%2u:%2u%n", &hours, &minutes, &rest, &length);
  if (length < 0 || text[length] != '\0') return false;
  if ((has_days && hours > 23) || minutes > 59 || rest > 59) return false;
  *seconds = 86400.0 * days + 3600.0 * hours + 60.0 * minutes + rest;
  return true;
}

static bool read_duration(const struct config_row *row, const struct config_place *place,
                          double *value, struct error *error) {
  const struct yaml_tree *node = place->node;
  if (!parse_number(node, value) && (node->kind != TREE_SCALAR || !parse_clock(node->text, value)))
    return config_complain(place, error, "must be a number of seconds, HH:MM:SS or D-HH:MM:SS");
  return check_range(row, place, *value, error);
}

// A number and a unit of bytes, with or without blanks in between.
static bool parse_bytes(const char *text, double *value) {
  static const struct {
    const char *name;
    double bytes;
  } units[] = {{"B", 1},      {"kB", 1e3},      {"MB", 1e6},      {"GB", 1e9},
               {"TB", 1e12},  {"K", 1024},      {"M", 1 << 20},   {"G", 1 << 30},
               {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1024.0 * (1 << 30)}};
  char number[TEXT_NUMBER];
  const size_t digits = strspn(text, "+-.0123456789eE"), blanks = strspn(text + digits, " ");
  if (digits >= sizeof number) return false;
  memcpy(number, text, digits);
  number[digits] = '\0';
  for (size_t i = 0; i < LENGTH(units); i++) {
    if (!text_same_word(text + digits + blanks, units[i].name)) continue;
    const bool good = parse_text(number, value);
    *value *= units[i].bytes;
    return good;
  }
  return false;
}

static bool read_bytes(const struct config_row *row, const struct config_place *place,
                       double *value, struct error *error) {
  const struct yaml_tree *node = place->node;
  if (!parse_number(node, value) && (node->kind != TREE_SCALAR || !parse_bytes(node->text, value)))
    return config_complain(place, error,
                           "must be a number of bytes, or one with a unit such as "
                           "4 GiB%s",
                           or_automatic(row));
  return check_range(row, place, *value, error);
}

static bool read_choice(const struct config_row *row, const struct config_place *place, int *value,
                        struct error *error) {
  const char *names[TEXT_NAMES_MAX + 1];
  size_t count = text_collect_names(row->name, names);
  if (row->automatic != NULL) names[count++] = "auto";  // which has been read before
  *value = read_name(place, names, count, error);
  return *value >= 0;
}

static bool read_text(const struct config_place *place, char *value, struct error *error) {
  if (place->node->kind != TREE_SCALAR) return config_complain(place, error, "must be a text");
  const size_t length = strlen(place->node->text);
  if (length == 0) return config_complain(place, error, "must not be empty; omit the key instead");
  if (length >= CONFIG_TEXT)
    return config_complain(place, error, "must be shorter than %d bytes", CONFIG_TEXT);
  memcpy(value, place->node->text, length + 1);
  return true;
}

static bool read_one_of(const struct config_row *row, const struct config_place *place,
                        bool *chosen, struct error *error) {
  const char *names[TEXT_NAMES_MAX];
  const int name = read_name(place, names, text_collect_names(row->name, names), error);
  if (name < 0) return false;
  if (chosen[name]) return config_complain(place, error, "%s is given twice", row->name(name));
  return chosen[name] = true;
}

static bool read_choices(const struct config_row *row, const struct config_place *place,
                         bool *chosen, struct error *error) {
  if (place->node->kind == TREE_SCALAR) return read_one_of(row, place, chosen, error);
  if (place->node->kind == TREE_MAP || place->node->count == 0)
    return config_complain(place, error, "must be a list such as [%s, %s]", row->name(0),
                           row->name(1));
  for (const struct yaml_tree *item = place->node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    if (!read_one_of(row, &part, chosen, error)) return false;
  }
  return true;
}

// The index of a value among the kinds of scaling whose constants come from the data.
static int read_measured(const struct config_place *place, struct error *error) {
  const char *const names[] = {scale_name(SCALE_MINMAX), scale_name(SCALE_STANDARDISE)};
  const int found = read_name(place, names, LENGTH(names), error);
  return found < 0 ? -1 : found == 0 ? SCALE_MINMAX : SCALE_STANDARDISE;
}

// {kind: standardise, per: channel}
static bool read_scale_map(const struct config_place *place, struct config_scale *scale,
                           struct error *error) {
  const char *names[TEXT_NAMES_MAX];
  const size_t count = text_collect_names(scale_per_name, names);
  int kind = -1, per = SCALE_PER_CHANNEL;
  for (const struct yaml_tree *child = place->node->first; child != NULL; child = child->next) {
    const struct config_place part = {place->path, place->override, place->key, child};
    if (strcmp(child->key, "kind") == 0)
      kind = read_measured(&part, error);
    else if (strcmp(child->key, "per") == 0)
      per = read_name(&part, names, count, error);
    else
      return config_complain(&part, error, "unknown key %s; must be {kind: ..., per: ...}",
                             child->key);
    if (error_is_set(error)) return false;
  }
  if (kind < 0)
    return config_complain(place, error, "kind is missing, such as {kind: %s, per: %s}",
                           scale_name(SCALE_STANDARDISE), scale_per_name(SCALE_PER_CHANNEL));
  scale->kind = (enum scale_kind)kind;
  scale->per = (enum scale_per)per;
  return true;
}

// Complains about a value that is neither one of the names nor anything else that the row accepts.
static bool complain_of_row(const struct config_row *row, const struct config_place *place,
                            const char *const *names, size_t count, struct error *error) {
  char allowed[ALLOWED] = "";
  config_row_describe(row, allowed, sizeof allowed);
  return complain_of_name(place, allowed, names, count, error);
}

static bool read_scale(const struct config_row *row, const struct config_place *place,
                       struct config_scale *scale, struct error *error) {
  static const int kinds[] = {SCALE_NONE, SCALE_MINMAX, SCALE_STANDARDISE};
  if (place->node->kind == TREE_MAP) return read_scale_map(place, scale, error);
  if (parse_number(place->node, &scale->value)) {
    scale->kind = SCALE_NUMBER;
    return check_range(row, place, scale->value, error);
  }
  const char *const names[] = {scale_name(kinds[0]), scale_name(kinds[1]), scale_name(kinds[2])};
  const int found = place->node->kind == TREE_SCALAR ? find_name(place->node->text, names, 3) : -1;
  if (found < 0) return complain_of_row(row, place, names, 3, error);
  scale->kind = kinds[found];
  return true;
}

static bool read_missing(const struct config_row *row, const struct config_place *place,
                         struct config_missing *missing, struct error *error) {
  if (parse_number(place->node, &missing->value)) {
    missing->kind = MISSING_NUMBER;
    return true;
  }
  const char *const names[] = {missing_name(MISSING_ERROR), missing_name(MISSING_NAN)};
  const int found = place->node->kind == TREE_SCALAR ? find_name(place->node->text, names, 2) : -1;
  if (found < 0) return complain_of_row(row, place, names, 2, error);
  missing->kind = found == 0 ? MISSING_ERROR : MISSING_NAN;
  return true;
}

static bool read_integers(const struct config_row *row, const struct config_place *place,
                          struct config_integers *list, struct error *error) {
  if (place->node->kind != TREE_LIST || place->node->count == 0)
    return config_complain(place, error, "must be a list of integers such as [0, 1, 2]");
  if (place->node->count > CONFIG_INTEGERS)
    return config_complain(place, error, "%zu entries; at most %d are allowed", place->node->count,
                           CONFIG_INTEGERS);
  for (const struct yaml_tree *item = place->node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    int64_t value;
    if (!config_integer_read(row, &part, &value, error)) return false;
    for (int64_t i = 0; i < list->count; i++)
      if (list->values[i] == value) return config_complain(&part, error, "is given twice");
    list->values[list->count++] = value;
  }
  return true;
}

// A number, or a list of them.
static bool read_numbers(const struct config_row *row, const struct config_place *place,
                         struct config_numbers *list, struct error *error) {
  list->count = 1;
  if (place->node->kind == TREE_SCALAR) return read_number(row, place, list->values, error);
  if (place->node->kind != TREE_LIST || place->node->count == 0)
    return config_complain(place, error, "must be a number, or a list such as [0.1, 0.2]");
  if (place->node->count > CONFIG_NUMBERS)
    return config_complain(place, error, "%zu entries; at most %d are allowed", place->node->count,
                           CONFIG_NUMBERS);
  list->count = 0;
  for (const struct yaml_tree *item = place->node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    if (!read_number(row, &part, &list->values[list->count++], error)) return false;
  }
  return true;
}

static bool read_sizes(const struct config_row *row, const struct config_place *place,
                       struct layer_sizes *sizes, struct error *error) {
  const struct yaml_tree *node = place->node;
  *sizes = (struct layer_sizes){.count = 1};
  if (node->kind == TREE_SCALAR) return config_integer_read(row, place, &sizes->value[0], error);
  if (node->kind == TREE_MAP || node->count == 0 || node->count > LAYER_AXES)
    return config_complain(place, error, "must be an integer or a list of up to %d, one per axis",
                           LAYER_AXES);
  sizes->count = (int64_t)node->count;
  size_t axis = 0;
  for (const struct yaml_tree *item = node->first; item != NULL; item = item->next, axis++) {
    struct config_place part = *place;
    part.node = item;
    if (!config_integer_read(row, &part, &sizes->value[axis], error)) return false;
  }
  return true;
}

static bool read_node(const struct config_row *row, const struct config_place *place, void *storage,
                      struct error *error) {
  switch (row->type) {
    case TYPE_BOOLEAN:
      return read_boolean(row, place, storage, error);
    case TYPE_INTEGER:
      return config_integer_read(row, place, storage, error);
    case TYPE_NUMBER:
      return read_number(row, place, storage, error);
    case TYPE_DURATION:
      return read_duration(row, place, storage, error);
    case TYPE_BYTES:
      return read_bytes(row, place, storage, error);
    case TYPE_CHOICE:
      return read_choice(row, place, storage, error);
    case TYPE_CHOICES:
      return read_choices(row, place, storage, error);
    case TYPE_SCALE:
      return read_scale(row, place, storage, error);
    case TYPE_MISSING:
      return read_missing(row, place, storage, error);
    case TYPE_INTEGERS:
      return read_integers(row, place, storage, error);
    case TYPE_NUMBERS:
      return read_numbers(row, place, storage, error);
    case TYPE_SIZES:
      return read_sizes(row, place, storage, error);
    case TYPE_TEXT:
    case TYPE_DIRECTORY:
    case TYPE_FILE:
    case TYPE_FILES:
    case TYPE_FILE_OR_INSIDE:
    case TYPE_MASK:
      return read_text(place, storage, error);
    case TYPE_LAYERS:
    case TYPE_NAMES:
    case TYPE_SELECT:
    case TYPE_BRANCHES:
      break;
  }
  assert(false);
  return false;
}

bool config_value_is_automatic(const struct config_row *row, const char *otherwise,
                               const struct config_place *place) {
  if (row->automatic == NULL) return false;
  const struct yaml_tree *node = place->node;
  const char *text = node == NULL ? otherwise : node->kind == TREE_SCALAR ? node->text : NULL;
  double value, number;
  return text != NULL &&
         (strcmp(text, "auto") == 0 ||
          (parse_text(row->automatic, &number) && parse_text(text, &value) && value == number));
}

bool config_value_read(const struct config_row *row, const char *otherwise,
                       const struct config_place *place, void *storage, struct error *error) {
  assert(!config_value_is_automatic(row, otherwise, place));
  if (place->node != NULL) return read_node(row, place, storage, error);
  if (otherwise == NULL) return true;
  struct yaml_tree *tree = yaml_tree_parse(otherwise, strlen(otherwise), place->key, error);
  if (tree == NULL) return false;
  const struct config_place part = {place->path, place->override, place->key, tree};
  const bool read = read_node(row, &part, storage, error);
  yaml_tree_destroy(&tree);
  return read;
}
