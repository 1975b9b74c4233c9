#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_format.h"
#include "memory.h"

enum { KEY_TEXT = 160, NAMES_MAX = 64 };

// ---- keys ----

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

static void join_key(char key[KEY_TEXT], const char *section, const char *name) {
  snprintf(key, KEY_TEXT, "%.60s%s%.90s", section, section[0] != '\0' ? "." : "", name);
}

// The keys and sections directly inside of `section`, each once.
static size_t names_inside(const char *section, char names[NAMES_MAX][KEY_TEXT]) {
  size_t found = 0;
  const size_t count = config_parameter_count(),
               skip = section[0] != '\0' ? strlen(section) + 1 : 0;
  for (size_t i = 0; i < count && found < NAMES_MAX; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (!begins_with(parameter.key, section)) continue;
    const char *name = parameter.key + skip;
    snprintf(names[found], KEY_TEXT, "%.*s", (int)strcspn(name, "."), name);
    if (found == 0 || strcmp(names[found], names[found - 1]) != 0) found++;
  }
  return found;
}

// The full key of a parameter or a section that has this very name elsewhere; false if none has.
static bool find_elsewhere(const char *name, char key[KEY_TEXT]) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const char *dot = strrchr(parameter.section->name, '.');
    const bool is_key = strcmp(parameter.row->key, name) == 0;
    if (!is_key && (dot == NULL || strcmp(dot + 1, name) != 0)) continue;
    snprintf(key, KEY_TEXT, "%s", is_key ? parameter.key : parameter.section->name);
    return true;
  }
  return false;
}

// Finds the full key that was meant by `name` in `section`; false if nothing is like it.
static bool guess_key(const char *section, const char *name, char key[KEY_TEXT]) {
  char inside[NAMES_MAX][KEY_TEXT];
  const char *names[NAMES_MAX];
  const size_t count = names_inside(section, inside);
  for (size_t i = 0; i < count; i++) names[i] = inside[i];
  if (find_elsewhere(name, key)) return true;
  const char *nearest = error_nearest(name, names, count);
  if (nearest != NULL) join_key(key, section, nearest);
  return nearest != NULL;
}

static bool complain_of_key(const struct config_place *place, const char *section, const char *name,
                            struct error *error) {
  char inside[NAMES_MAX][KEY_TEXT], guess[KEY_TEXT], reason[2048] = "";
  const bool root = section[0] == '\0';
  config_append(reason, sizeof reason, root ? "unknown section" : "unknown key");
  if (strchr(name, '.') != NULL &&
      (is_section(place->key) || config_parameter_find(place->key) >= 0))
    config_append(reason, sizeof reason, "; write its parts as sections, one inside the other.");
  else if (guess_key(section, name, guess))
    config_append(reason, sizeof reason, "; did you mean %s?", guess);
  else
    config_append(reason, sizeof reason, ".");
  config_append(reason, sizeof reason, "%s%s:", root ? " Sections" : " Keys of ", section);
  const size_t count = names_inside(section, inside);
  for (size_t i = 0; i < count; i++)
    config_append(reason, sizeof reason, "%s %s", i > 0 ? "," : "", inside[i]);
  return config_complain(place, error, "%s", reason);
}

// ---- the input file ----

static bool assign_map(const struct config_input *input, const struct yaml_tree *map,
                       const char *section);

static bool assign_child(const struct config_input *input, const struct yaml_tree *child,
                         const char *section) {
  char key[KEY_TEXT];
  join_key(key, section, child->key);
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

// Hands the values of a section to their parameters.
static bool assign_map(const struct config_input *input, const struct yaml_tree *map,
                       const char *section) {
  for (const struct yaml_tree *child = map->first; child != NULL; child = child->next)
    if (!assign_child(input, child, section)) return false;
  return true;
}

// The text of a file, owned, with its length; NULL with a message if it cannot be read.
static char *read_text(const char *path, size_t *length, struct error *error) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    error_set(error, "%s: cannot be opened: %s", path, strerror(errno));
    return NULL;
  }
  char *text = memory_new(char, YAML_TREE_BYTES + 1);
  *length = fread(text, 1, YAML_TREE_BYTES + 1, file);
  if (ferror(file)) {
    error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    memory_free(&text);
  }
  fclose(file);
  return text;
}

// The tree of the input file, owned, its values handed to the parameters.
static bool read_file(const struct config_input *input, struct yaml_tree **tree) {
  size_t length;
  char *text = read_text(input->path, &length, input->error);
  if (text == NULL) return false;
  *tree = yaml_tree_parse(text, length, input->path, input->error);
  memory_free(&text);
  if (*tree == NULL) return false;
  if ((*tree)->kind == TREE_MAP) return assign_map(input, *tree, "");
  return error_set(input->error,
                   "%s:%d: must begin with a section, such as `training:` with keys below it",
                   input->path, (*tree)->line);
}

// ---- overrides ----

// The parameter that an override's key means, or -1 with a message that names the first part of the
// key that is wrong.
static int override_parameter(const struct config_input *input, const char *override,
                              const char *key) {
  const int index = config_parameter_find(key);
  if (index >= 0) return index;
  const struct config_place place = {input->path, override, key, NULL};
  if (is_section(key)) {
    config_complain(&place, input->error, "is a section; --set takes one key of it");
    return -1;
  }
  char section[KEY_TEXT] = "", next[KEY_TEXT] = "";
  const char *name = key;
  for (; strchr(name, '.') != NULL; name = strchr(name, '.') + 1) {
    snprintf(next, sizeof next, "%.*s", (int)(strchr(name, '.') - key), key);
    if (!is_section(next)) break;
    memcpy(section, next, sizeof section);
  }
  char part[KEY_TEXT];
  snprintf(part, sizeof part, "%.*s", (int)strcspn(name, "."), name);
  complain_of_key(&place, section, part, input->error);
  return -1;
}

// Parses "section.key=value" and hands the value, whose tree is owned by the caller, to its
// parameter.
static bool read_override(const struct config_input *input, const char *override,
                          struct yaml_tree **tree) {
  const char *equals = strchr(override, '=');
  if (equals == NULL || equals == override || equals - override >= KEY_TEXT)
    return error_set(input->error, "--set %.200s: must look like section.key=value", override);
  char key[KEY_TEXT];
  snprintf(key, sizeof key, "%.*s", (int)(equals - override), override);
  const int index = override_parameter(input, override, key);
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

// What evaluation leaves open is what encoding says.
static void inherit(const struct config_input *input) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (!config_parameter_inherits(&parameter) || input->settings[i].node != NULL) continue;
    char key[KEY_TEXT];
    join_key(key, "encoding", parameter.row->key);
    input->settings[i] = input->settings[config_parameter_find(key)];
  }
}

static bool read_values(const struct config_input *input, struct config *config) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const struct config_setting *setting = &input->settings[i];
    const struct config_place place = {input->path, setting->override, parameter.key,
                                       setting->node};
    const char *standard = config_parameter_inherits(&parameter)
                               ? parameter.row->standard
                               : config_parameter_standard(&parameter);
    void *storage = (char *)config + config_parameter_offset(&parameter);
    if (!config_value_read(parameter.row, standard, &place, storage, input->error)) return false;
  }
  return true;
}

bool config_read(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct error *error) {
  memset(config, 0, sizeof *config);
  struct config_input input = {path, memory_new(struct config_setting, config_parameter_count()),
                               error};
  struct yaml_tree **trees = memory_new(struct yaml_tree *, override_count + 1);
  bool read = read_file(&input, &trees[0]);
  for (size_t i = 0; i < override_count && read; i++)
    read = read_override(&input, overrides[i], &trees[i + 1]);
  if (read) inherit(&input);
  read = read && read_values(&input, config) && config_check(&input, config);
  for (size_t i = 0; i <= override_count; i++) yaml_tree_destroy(&trees[i]);
  memory_free(&trees);
  memory_free(&input.settings);
  return read;
}
