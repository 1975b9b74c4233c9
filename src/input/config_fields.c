#include "input/config_fields.h"

#include <string.h>

#include "ground/text.h"

int config_names_find(const struct config_names *list, const char *name) {
  for (int i = 0; i < (int)list->count; i++)
    if (strcmp(list->name[i], name) == 0) return i;
  return -1;
}

static bool read_name(const struct config_place *place, struct config_names *list,
                      struct error *error) {
  const struct yaml_tree *node = place->node;
  if (node->kind != TREE_SCALAR || node->text[0] == '\0')
    return config_complain(place, error, "must be a name");
  const size_t length = strlen(node->text);
  if (length >= CONFIG_NAME)
    return config_complain(place, error, "must be shorter than %d bytes", CONFIG_NAME);
  if (config_names_find(list, node->text) >= 0)
    return config_complain(place, error, "is given twice; give each name once");
  memcpy(list->name[list->count++], node->text, length + 1);
  return true;
}

bool config_names_read(const struct config_place *place, struct config_names *list,
                       struct error *error) {
  if (place->node->kind == TREE_SCALAR) return read_name(place, list, error);
  if (place->node->kind != TREE_LIST || place->node->count == 0)
    return config_complain(place, error, "must be a list of names such as [a, b]");
  if (place->node->count > CONFIG_NAMES)
    return config_complain(place, error, "%zu names; at most %d are allowed", place->node->count,
                           CONFIG_NAMES);
  for (const struct yaml_tree *item = place->node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    if (!read_name(&part, list, error)) return false;
  }
  return true;
}

// ---- select ----

// One of first, count and stride.
static bool read_member(const struct config_row *row, const struct config_place *place,
                        struct config_axis *axis, struct error *error) {
  static const char *const names[] = {"first", "count", "stride"};
  int64_t *const members[] = {&axis->first, &axis->count, &axis->stride};
  const char *key = place->node->key;
  for (size_t i = 0; i < LENGTH(names); i++) {
    if (strcmp(key, names[i]) != 0) continue;
    if (!config_integer_read(row, place, members[i], error)) return false;
    return i == 0 || *members[i] > 0 ||
           config_complain(place, error, "%s of %s must be at least 1", key, axis->axis);
  }
  const char *nearest = error_nearest(key, names, LENGTH(names));
  return config_complain(place, error, "an axis has first, count and stride, not %s%s%s%s", key,
                         nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "?" : "");
}

static bool read_axis(const struct config_row *row, const struct config_place *place,
                      struct config_axis *axis, struct error *error) {
  const struct yaml_tree *node = place->node;
  const size_t length = strlen(node->key);
  if (length == 0 || length >= CONFIG_NAME)
    return config_complain(place, error, "the name of an axis must have 1 to %d bytes",
                           CONFIG_NAME - 1);
  memcpy(axis->axis, node->key, length + 1);
  axis->stride = 1;
  axis->single = node->kind == TREE_SCALAR && !yaml_tree_is_null(node);
  if (axis->single) return config_integer_read(row, place, &axis->first, error);
  if (node->kind != TREE_MAP)
    return config_complain(place, error,
                           "%s: must be a position, or first, count and stride such as {first: 10, "
                           "stride: 5}",
                           node->key);
  for (const struct yaml_tree *item = node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    if (!read_member(row, &part, axis, error)) return false;
  }
  return true;
}

bool config_select_read(const struct config_row *row, const struct config_place *place,
                        struct config_select *select, struct error *error) {
  const struct yaml_tree *node = place->node;
  if (node->kind != TREE_MAP || node->count == 0)
    return config_complain(place, error,
                           "must say what to take along each axis, such as {time: {first: 10, "
                           "stride: 5}, z: 3}");
  if (node->count > CONFIG_AXES)
    return config_complain(place, error, "%zu axes; at most %d are allowed", node->count,
                           CONFIG_AXES);
  for (const struct yaml_tree *item = node->first; item != NULL; item = item->next) {
    struct config_place part = *place;
    part.node = item;
    if (!read_axis(row, &part, &select->axis[select->count++], error)) return false;
  }
  return true;
}
