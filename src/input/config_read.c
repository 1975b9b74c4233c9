#include "input/config_read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_check.h"
#include "input/config_fields.h"
#include "input/config_layers.h"

// ---- full keys ----

enum { NAMES_MAX = 64 };

// Whether parameters have keys that begin with "name."; the empty name is that of the whole file.
static bool begins_with(const char *key, const char *name) {
  const size_t length = strlen(name);
  return length == 0 || (strncmp(key, name, length) == 0 && key[length] == '.');
}

static bool is_section(const char *name) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++)
    if (begins_with(config_parameter(i).key, name)) return true;
  return false;
}

void config_key_join(char key[CONFIG_KEY_TEXT], const char *section, const char *name) {
  snprintf(key, CONFIG_KEY_TEXT, "%.60s%s%.90s", section, section[0] != '\0' ? "." : "", name);
}

// The keys and sections directly inside of `section`, each once.
static size_t names_inside(const char *section, char names[NAMES_MAX][CONFIG_KEY_TEXT]) {
  size_t found = 0;
  const size_t count = config_parameter_count(),
               skip = section[0] != '\0' ? strlen(section) + 1 : 0;
  for (size_t i = 0; i < count && found + 1 < NAMES_MAX; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (!begins_with(parameter.key, section)) continue;
    const char *name = parameter.key + skip;
    snprintf(names[found], CONFIG_KEY_TEXT, "%.*s", (int)strcspn(name, "."), name);
    if (found == 0 || strcmp(names[found], names[found - 1]) != 0) found++;
  }
  if (section[0] == '\0') snprintf(names[found++], CONFIG_KEY_TEXT, CONFIG_SWEEP);
  return found;
}

// The full key of a parameter or section elsewhere that has exactly this name; false if there is
// none.
static bool find_elsewhere(const char *name, char key[CONFIG_KEY_TEXT]) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const char *dot = strrchr(parameter.section->name, '.');
    const bool is_key = strcmp(parameter.row->key, name) == 0;
    if (!is_key && (dot == NULL || strcmp(dot + 1, name) != 0)) continue;
    snprintf(key, CONFIG_KEY_TEXT, "%s", is_key ? parameter.key : parameter.section->name);
    return true;
  }
  return false;
}

// The full key of a parameter or section elsewhere whose name is the most similar; false if none
// is.
static bool find_similar(const char *name, char key[CONFIG_KEY_TEXT]) {
  const char *names[2 * CONFIG_PARAMETERS];
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const char *dot = strrchr(parameter.section->name, '.');
    names[2 * i] = parameter.row->key;
    names[2 * i + 1] = dot != NULL ? dot + 1 : NULL;
  }
  const char *nearest = error_nearest(name, names, 2 * count);
  return nearest != NULL && find_elsewhere(nearest, key);
}

// Finds the full key that was meant by `name` in `section`; false if nothing is similar to it.
static bool guess_key(const char *section, const char *name, char key[CONFIG_KEY_TEXT]) {
  char inside[NAMES_MAX][CONFIG_KEY_TEXT];
  const char *names[NAMES_MAX];
  const size_t count = names_inside(section, inside);
  for (size_t i = 0; i < count; i++) names[i] = inside[i];
  if (find_elsewhere(name, key)) return true;
  const char *nearest = error_nearest(name, names, count);
  if (nearest == NULL) return find_similar(name, key);
  config_key_join(key, section, nearest);
  return true;
}

static bool complain_of_key(const struct config_place *place, const char *section, const char *name,
                            struct error *error) {
  char inside[NAMES_MAX][CONFIG_KEY_TEXT], guess[CONFIG_KEY_TEXT], reason[2048] = "";
  const bool root = section[0] == '\0';
  text_append(reason, sizeof reason, root ? "unknown section" : "unknown key");
  if (strchr(name, '.') != NULL &&
      (is_section(place->key) || config_parameter_find(place->key) >= 0))
    text_append(reason, sizeof reason, "; write its parts as nested sections.");
  else if (guess_key(section, name, guess))
    text_append(reason, sizeof reason, "; did you mean %s?", guess);
  else
    text_append(reason, sizeof reason, ".");
  text_append(reason, sizeof reason, "%s%s:", root ? " Sections" : " Keys of ", section);
  const size_t count = names_inside(section, inside);
  for (size_t i = 0; i < count; i++)
    text_append(reason, sizeof reason, "%s %s", i > 0 ? "," : "", inside[i]);
  return config_complain(place, error, "%s", reason);
}

int config_key_find(const struct config_place *place, struct error *error) {
  const char *key = place->key;
  const int index = config_parameter_find(key);
  if (index >= 0) return index;
  if (is_section(key)) {
    config_complain(place, error, "is a section; give one of its keys");
    return -1;
  }
  if (strcmp(key, CONFIG_SWEEP) == 0 || begins_with(key, CONFIG_SWEEP)) {
    config_complain(place, error, "can be given only in the input file");
    return -1;
  }
  char section[CONFIG_KEY_TEXT] = "", next[CONFIG_KEY_TEXT] = "";
  const char *name = key;
  for (; strchr(name, '.') != NULL; name = strchr(name, '.') + 1) {
    snprintf(next, sizeof next, "%.*s", (int)(strchr(name, '.') - key), key);
    if (!is_section(next)) break;
    memcpy(section, next, sizeof section);
  }
  char part[CONFIG_KEY_TEXT];
  snprintf(part, sizeof part, "%.*s", (int)strcspn(name, "."), name);
  complain_of_key(place, section, part, error);
  return -1;
}

// ---- the input file ----

static bool assign_map(const struct config_input *input, const struct yaml_tree *map,
                       const char *section);

static bool assign_child(const struct config_input *input, const struct yaml_tree *child,
                         const char *section) {
  char key[CONFIG_KEY_TEXT];
  config_key_join(key, section, child->key);
  const struct config_place place = {input->path, NULL, key, child};
  const bool dotted = strchr(child->key, '.') != NULL;
  const int index = config_parameter_find(key);
  if (dotted || (index < 0 && !is_section(key)))
    return complain_of_key(&place, section, child->key, input->error);
  if (yaml_tree_is_null(child)) return true;
  if (index < 0) {
    if (child->kind == TREE_MAP) return assign_map(input, child, key);
    return config_complain(&place, input->error, "must be a section: keys with values");
  }
  input->settings[index].node = child;
  return true;
}

// Gives the values of a section to their parameters.
static bool assign_map(const struct config_input *input, const struct yaml_tree *map,
                       const char *section) {
  for (const struct yaml_tree *child = map->first; child != NULL; child = child->next)
    if (!assign_child(input, child, section)) return false;
  return true;
}

// Gives the values of the file, except those of its section `sweep`, to the parameters.
static bool assign_file(const struct config_input *input, const struct yaml_tree *tree) {
  if (tree->kind != TREE_MAP)
    return error_set(input->error,
                     "%s:%d: must begin with a section, such as `training:` with keys below it",
                     input->path, tree->line);
  for (const struct yaml_tree *child = tree->first; child != NULL; child = child->next)
    if (strcmp(child->key, CONFIG_SWEEP) != 0 && !assign_child(input, child, "")) return false;
  return true;
}

// ---- overrides ----

// Parses "section.key=value" and gives the value, whose tree is owned by the caller, to its
// parameter.
static bool read_override(const struct config_input *input, const char *override,
                          struct yaml_tree **tree) {
  const char *equals = strchr(override, '=');
  if (equals == NULL || equals == override || equals - override >= CONFIG_KEY_TEXT)
    return error_set(input->error, "--set %.200s: must look like section.key=value", override);
  char key[CONFIG_KEY_TEXT];
  snprintf(key, sizeof key, "%.*s", (int)(equals - override), override);
  const struct config_place place = {input->path, override, key, NULL};
  const int index = config_key_find(&place, input->error);
  if (index < 0) return false;
  const char *value = equals + 1;
  if (value[strspn(value, " ")] != '\0') {
    struct error reason = {0};
    *tree = yaml_tree_parse(value, strlen(value), NULL, &reason);
    if (*tree == NULL) return error_set(input->error, "--set %.200s: %s", override, reason.text);
  }
  const bool given = *tree != NULL && !yaml_tree_is_null(*tree);
  input->settings[index] = (struct config_setting){given ? *tree : NULL, override};
  return true;
}

// ---- values ----

// Values that evaluation leaves open are taken from encoding.
static void inherit(const struct config_input *input) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (!config_parameter_inherits(&parameter) || input->settings[i].node != NULL) continue;
    char key[CONFIG_KEY_TEXT];
    config_key_join(key, "encoding", parameter.row->key);
    input->settings[i] = input->settings[config_parameter_find(key)];
  }
}

bool config_parameter_read(const struct config_parameter *parameter,
                           const struct config_place *place, struct config *config,
                           struct error *error) {
  const struct config_row *row = parameter->row;
  const char *otherwise =
      config_parameter_inherits(parameter) ? row->otherwise : config_parameter_otherwise(parameter);
  void *storage = (char *)config + config_parameter_offset(parameter);
  const bool automatic = config_value_is_automatic(row, otherwise, place);
  config->given[parameter->index] = place->node != NULL || otherwise != NULL;
  config->automatic[parameter->index] = automatic ? AUTOMATIC_OPEN : AUTOMATIC_NO;
  if (automatic) return true;
  if (row->type == TYPE_LAYERS)
    return place->node == NULL || config_layers_read(place, storage, error);
  if (row->type == TYPE_NAMES)
    return place->node == NULL || config_names_read(place, storage, error);
  if (row->type == TYPE_SELECT)
    return place->node == NULL || config_select_read(row, place, storage, error);
  return config_value_read(row, otherwise, place, storage, error);
}

static bool read_values(const struct config_input *input, struct config *config) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const struct config_setting *setting = &input->settings[i];
    const struct config_place place = {input->path, setting->override, parameter.key,
                                       setting->node};
    if (!config_parameter_read(&parameter, &place, config, input->error)) return false;
  }
  return true;
}

// ---- the source ----

struct config_source {
  const char *path;
  struct config_setting *settings;  // [config_parameter_count()], before evaluation inherits
  struct yaml_tree *file, **overrides;
  size_t override_count;
};

struct config_source *config_source_open(const char *path, const char *const *overrides,
                                         size_t override_count, struct error *error) {
  struct config_source *source = memory_new(struct config_source, 1);
  *source = (struct config_source){
      .path = path,
      .settings = memory_new(struct config_setting, config_parameter_count()),
      .overrides = memory_new(struct yaml_tree *, override_count),
      .override_count = override_count};
  const struct config_input input = {path, source->settings, error};
  source->file = yaml_tree_read(path, error);
  bool read = source->file != NULL && assign_file(&input, source->file);
  for (size_t i = 0; i < override_count && read; i++)
    read = read_override(&input, overrides[i], &source->overrides[i]);
  if (!read) config_source_close(&source);
  return source;
}

void config_source_close(struct config_source **source) {
  if (*source == NULL) return;
  for (size_t i = 0; i < (*source)->override_count; i++)
    yaml_tree_destroy(&(*source)->overrides[i]);
  yaml_tree_destroy(&(*source)->file);
  memory_free(&(*source)->overrides);
  memory_free(&(*source)->settings);
  memory_free(source);
}

const struct yaml_tree *config_source_sweep(const struct config_source *source) {
  const struct yaml_tree *sweep = yaml_tree_child(source->file, CONFIG_SWEEP);
  return sweep == NULL || yaml_tree_is_null(sweep) ? NULL : sweep;
}

uint64_t config_source_hash(const struct config_source *source) { return source->file->text_hash; }

const char *config_source_override(const struct config_source *source, int parameter) {
  return source->settings[parameter].override;
}

bool config_source_resolve(const struct config_source *source,
                           const struct config_assignment *assignments, size_t assignment_count,
                           struct config *config, struct error *error) {
  const size_t count = config_parameter_count();
  const struct config_input input = {source->path, memory_new(struct config_setting, count), error};
  memcpy(input.settings, source->settings, count * sizeof *input.settings);
  for (size_t i = 0; i < assignment_count; i++) {
    assert(assignments[i].parameter >= 0 && (size_t)assignments[i].parameter < count);
    const struct yaml_tree *node = assignments[i].node;
    const bool given = node != NULL && !yaml_tree_is_null(node);
    input.settings[assignments[i].parameter].node = given ? node : NULL;
  }
  inherit(&input);
  memset(config, 0, sizeof *config);
  const bool read = read_values(&input, config) && config_check(&input, config);
  struct config_setting *settings = input.settings;
  memory_free(&settings);
  return read;
}

bool config_read(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct error *error) {
  memset(config, 0, sizeof *config);
  struct config_source *source = config_source_open(path, overrides, override_count, error);
  const bool read = source != NULL && config_source_resolve(source, NULL, 0, config, error);
  config_source_close(&source);
  return read;
}
