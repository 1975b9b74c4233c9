#include "input/config_layers.h"

#include <assert.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/network.h"
#include "ground/text.h"

enum { KEY = 160, ALLOWED = 512 };  // bytes

// ---- reading ----

// A place inside `place`: its key is "KEY[index]", followed by ".child" if child is not NULL.
static struct config_place inside(const struct config_place *place, char key[KEY], size_t index,
                                  const struct yaml_tree *child) {
  key[0] = '\0';
  text_append(key, KEY, "%s[%zu]", place->key, index);
  if (child->key != NULL) text_append(key, KEY, ".%.64s", child->key);
  return (struct config_place){place->path, place->override, key, child};
}

// The keys that layers of this kind have, or all if it is negative.
static size_t collect_keys(int kind, const char *keys[TEXT_NAMES_MAX]) {
  size_t count = 0;
  for (size_t r = 0; r < config_layer_row_count; r++)
    if (kind < 0 || config_layer_has(&config_layer_rows[r], kind))
      keys[count++] = config_layer_rows[r].key;
  return count;
}

static const struct config_row *find_row(const char *key) {
  for (size_t r = 0; r < config_layer_row_count; r++)
    if (strcmp(config_layer_rows[r].key, key) == 0) return &config_layer_rows[r];
  return NULL;
}

static bool check_keys(const struct config_place *place, const struct yaml_tree *layer,
                       size_t index, struct error *error) {
  const char *keys[TEXT_NAMES_MAX];
  const size_t count = collect_keys(-1, keys);
  for (const struct yaml_tree *child = layer->first; child != NULL; child = child->next) {
    if (find_row(child->key) != NULL) continue;
    char key[KEY], allowed[ALLOWED] = "";
    const struct config_place part = inside(place, key, index, child);
    text_append_names(allowed, sizeof allowed, keys, count);
    const char *nearest = error_nearest(child->key, keys, count);
    return config_complain(&part, error, "unknown key; a layer has %s%s%s%s", allowed,
                           nearest ? "; did you mean " : "", nearest ? nearest : "",
                           nearest ? "?" : "");
  }
  return true;
}

// Keys that exist, but not for this kind of layer.
static bool check_keys_of_kind(const struct config_place *place, const struct yaml_tree *layer,
                               size_t index, int kind, struct error *error) {
  for (const struct yaml_tree *child = layer->first; child != NULL; child = child->next) {
    if (config_layer_has(find_row(child->key), kind)) continue;
    const char *keys[TEXT_NAMES_MAX];
    char key[KEY], allowed[ALLOWED] = "";
    const struct config_place part = inside(place, key, index, child);
    text_append_names(allowed, sizeof allowed, keys, collect_keys(kind, keys));
    return config_complain(&part, error, "not a key of a %s layer, which has %s", layer_name(kind),
                           allowed);
  }
  return true;
}

static bool read_kind(const struct config_place *place, const struct yaml_tree *layer, size_t index,
                      enum layer_kind *kind, struct error *error) {
  const char *names[TEXT_NAMES_MAX];
  const size_t count = text_collect_names(layer_name, names);
  size_t found = 0;
  for (size_t k = 0; k < count; k++) {
    if (yaml_tree_child(layer, names[k]) == NULL) continue;
    *kind = (enum layer_kind)k;
    found++;
  }
  if (found == 1) return true;
  char key[KEY], allowed[ALLOWED] = "";
  const struct config_place part = inside(place, key, index, layer);
  text_append_names(allowed, sizeof allowed, names, count);
  return config_complain(&part, error, "needs %s key that gives the kind of layer: %s",
                         found == 0 ? "a" : "one single", allowed);
}

static bool read_list(const struct config_place *place, struct config_layers *layers,
                      struct error *error);

static bool read_branches(const struct config_place *place, struct config_layers *layers,
                          int64_t branch[2], struct error *error) {
  const struct yaml_tree *node = place->node;
  bool good = node->kind == TREE_LIST && node->count == 2;
  for (const struct yaml_tree *list = node->first; list != NULL && good; list = list->next)
    good = list->kind == TREE_LIST;
  if (!good || (node->first->count == 0 && node->first->next->count == 0))
    return config_complain(place, error,
                           "must be two lists of layers, of which one may be empty, such as "
                           "[[{dense: 20, activation: elu}, {dense: 20}], []]");
  size_t b = 0;
  for (const struct yaml_tree *list = node->first; list != NULL; list = list->next, b++) {
    char key[KEY];
    const struct config_place part = inside(place, key, b, list);
    const int64_t before = layers->count;
    if (!read_list(&part, layers, error)) return false;
    branch[b] = layers->count - before;
  }
  return true;
}

// One value of a layer, its default if it is not given.
static bool read_value(const struct config_row *row, const struct config_place *place,
                       const struct yaml_tree *layer, size_t index, struct layer_spec *spec,
                       struct error *error) {
  char key[KEY];
  const struct yaml_tree *child = yaml_tree_child(layer, row->key);
  const struct yaml_tree *kind = yaml_tree_child(layer, layer_name(spec->kind));
  struct config_place part = inside(place, key, index, child != NULL ? child : kind);
  const bool given = child != NULL && (row->otherwise == NULL || !yaml_tree_is_null(child));
  if (!given && row->otherwise == NULL)
    return config_complain(&part, error, "such a layer needs the key %s", row->key);
  if (!given) part.node = NULL;
  return config_value_read(row, row->otherwise, &part, (char *)spec + row->offset, error);
}

// Complains about a key that belongs to activations other than the layer's.
static bool check_absent(const struct config_row *row, const struct config_place *place,
                         const struct yaml_tree *layer, size_t index, const struct layer_spec *spec,
                         struct error *error) {
  const struct yaml_tree *child = yaml_tree_child(layer, row->key);
  if (child == NULL || yaml_tree_is_null(child)) return true;
  char key[KEY];
  const struct config_place part = inside(place, key, index, child);
  return config_complain(&part, error, "is not a key of a layer with the activation %s; it is %s",
                         activation_name((int)spec->activation), row->text);
}

static bool read_layer(const struct config_place *place, const struct yaml_tree *layer,
                       size_t index, struct config_layers *layers, struct error *error) {
  char key[KEY];
  struct layer_spec spec = {0};
  const struct config_place part = inside(place, key, index, layer);
  if (layer->kind != TREE_MAP)
    return config_complain(&part, error, "must be a layer such as {dense: 300, activation: elu}");
  if (!check_keys(place, layer, index, error) ||
      !read_kind(place, layer, index, &spec.kind, error) ||
      !check_keys_of_kind(place, layer, index, spec.kind, error))
    return false;
  for (size_t r = 0; r < config_layer_row_count; r++) {
    const struct config_row *row = &config_layer_rows[r];
    if (!config_layer_has(row, spec.kind)) continue;
    if (!config_layer_uses(row, &spec)) {
      if (!check_absent(row, place, layer, index, &spec, error)) return false;
    } else if (row->type == TYPE_BRANCHES) {
      const struct config_place branches =
          inside(place, key, index, yaml_tree_child(layer, row->key));
      if (!read_branches(&branches, layers, spec.branch, error)) return false;
    } else if (!read_value(row, place, layer, index, &spec, error)) {
      return false;
    }
  }
  if (layers->count == CONFIG_LAYERS)
    return config_complain(&part, error, "at most %d layers are allowed, with those of branches",
                           CONFIG_LAYERS);
  layers->list[layers->count++] = spec;
  return true;
}

static bool read_list(const struct config_place *place, struct config_layers *layers,
                      struct error *error) {
  size_t index = 0;
  for (const struct yaml_tree *layer = place->node->first; layer != NULL;
       layer = layer->next, index++)
    if (!read_layer(place, layer, index, layers, error)) return false;
  return true;
}

bool config_layers_read(const struct config_place *place, struct config_layers *layers,
                        struct error *error) {
  const struct yaml_tree *list = place->node;
  if (list->kind != TREE_LIST || list->count == 0)
    return config_complain(place, error, "must be a list of layers such as [{dense: 784}]");
  if (list->count > CONFIG_LAYERS)
    return config_complain(place, error, "%zu layers; at most %d are allowed", list->count,
                           CONFIG_LAYERS);
  return read_list(place, layers, error);
}

// ---- checking ----

// Complains about the layer in place *number of all, in the order in which they were read. True if
// it is not in this list: then *number has been counted down.
static bool complain_of(const struct config_place *place, size_t *number, const char *reason,
                        struct error *error) {
  size_t index = 0;
  for (const struct yaml_tree *layer = place->node->first; layer != NULL;
       layer = layer->next, index++) {
    char key[KEY], branch_key[KEY];
    const struct yaml_tree *branches = yaml_tree_child(layer, layer_name(LAYER_RESIDUAL));
    size_t b = 0;
    for (const struct yaml_tree *list = branches == NULL ? NULL : branches->first; list != NULL;
         list = list->next, b++) {
      const struct config_place part = inside(place, key, index, branches);
      const struct config_place branch = inside(&part, branch_key, b, list);
      if (!complain_of(&branch, number, reason, error)) return false;
    }
    if ((*number)-- > 0) continue;
    const struct yaml_tree *named = branches;
    for (int kind = 0; kind < LAYER_KINDS && named == NULL; kind++)
      named = yaml_tree_child(layer, layer_name(kind));
    const struct config_place part = inside(place, key, index, named);
    return config_complain(&part, error, "%s", reason);
  }
  return true;
}

bool config_layers_check(const struct config_place *place, size_t inputs,
                         const struct config_layers *layers, struct error *error) {
  struct error reason = {""};
  const size_t count = (size_t)layers->count;
  size_t wrong = network_check(inputs, count, layers->list, &reason);
  return wrong == count || complain_of(place, &wrong, reason.text, error);
}

// ---- writing ----

static void append_sizes(char *text, const struct layer_sizes *sizes) {
  const bool list = sizes->count > 1;
  for (int64_t i = 0; i < sizes->count; i++)
    text_append(text, CONFIG_LAYER_TEXT, "%s%lld",
                i > 0  ? ", "
                : list ? "["
                       : "",
                (long long)sizes->value[i]);
  if (list) text_append(text, CONFIG_LAYER_TEXT, "]");
}

// Appends ", key: value" of a row, except for branches.
static void append_value(char *text, const struct config_row *row, const struct layer_spec *layer) {
  const void *value = (const char *)layer + row->offset;
  text_append(text, CONFIG_LAYER_TEXT, "%s%s: ", text[0] == '{' && text[1] == '\0' ? "" : ", ",
              row->key);
  if (row->type == TYPE_SIZES) append_sizes(text, value);
  if (row->type == TYPE_INTEGER)
    text_append(text, CONFIG_LAYER_TEXT, "%lld", (long long)*(const int64_t *)value);
  if (row->type == TYPE_CHOICE)
    text_append(text, CONFIG_LAYER_TEXT, "%s", row->name(*(const int *)value));
  char number[TEXT_NUMBER];
  if (row->type == TYPE_NUMBER)
    text_append(text, CONFIG_LAYER_TEXT, "%s", text_number(*(const double *)value, number));
}

// With the text `branches` in place of a residual's.
static const char *layer_text(const struct layer_spec *layer, const char *branches,
                              char text[CONFIG_LAYER_TEXT]) {
  snprintf(text, CONFIG_LAYER_TEXT, "{");
  for (size_t r = 0; r < config_layer_row_count; r++) {
    const struct config_row *row = &config_layer_rows[r];
    if (!config_layer_uses(row, layer)) continue;
    append_value(text, row, layer);
    if (row->type == TYPE_BRANCHES) text_append(text, CONFIG_LAYER_TEXT, "%s", branches);
  }
  text_append(text, CONFIG_LAYER_TEXT, "}");
  return text;
}

const char *config_layer_text(const struct layer_spec *layer, char text[CONFIG_LAYER_TEXT]) {
  return layer_text(layer, "[...]", text);
}

// Where the layer before `end` begins, with its branches.
static size_t begin_of(const struct layer_spec *layers, size_t end) {
  const struct layer_spec *last = &layers[end - 1];
  assert(last->kind != LAYER_RESIDUAL || last->branch[0] + last->branch[1] < (int64_t)end);
  return end - 1 - (size_t)(last->kind == LAYER_RESIDUAL ? last->branch[0] + last->branch[1] : 0);
}

static void write_list(const struct layer_spec *layers, size_t begin, size_t end,
                       const char *separator, int indent, FILE *stream);

static void write_layer(const struct layer_spec *layers, size_t last, FILE *stream) {
  char text[CONFIG_LAYER_TEXT];
  const struct layer_spec *layer = &layers[last];
  layer_text(layer, "\n", text);
  const char *rest = strchr(text, '\n');
  if (rest == NULL) {
    fputs(text, stream);
    return;
  }
  const size_t second = last - (size_t)layer->branch[1];
  fprintf(stream, "%.*s[[", (int)(rest - text), text);
  write_list(layers, second - (size_t)layer->branch[0], second, ", ", 0, stream);
  fputs("], [", stream);
  write_list(layers, second, last, ", ", 0, stream);
  fprintf(stream, "]]%s", rest + 1);
}

// Layers begin ... end - 1 with the separator between them; a line each if there is none.
static void write_list(const struct layer_spec *layers, size_t begin, size_t end,
                       const char *separator, int indent, FILE *stream) {
  if (begin == end) return;
  const size_t last = begin_of(layers, end);
  write_list(layers, begin, last, separator, indent, stream);
  if (separator == NULL) fprintf(stream, "\n%*s- ", indent, "");
  if (separator != NULL && last > begin) fputs(separator, stream);
  write_layer(layers, end - 1, stream);
}

void config_layers_write(const struct layer_spec *layers, size_t count, int indent, FILE *stream) {
  assert(count <= CONFIG_LAYERS);
  const bool one_line = indent < 0;
  if (one_line) fputs(" [", stream);
  write_list(layers, 0, count, one_line ? ", " : NULL, indent, stream);
  if (one_line) fputc(']', stream);
}
