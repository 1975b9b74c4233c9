#include "input/config_key.h"

#include <stdio.h>
#include <string.h>

#include "ground/text.h"
#include "input/config_format.h"
#include "input/config_table.h"

enum { NAMES_MAX = 64 };

// Whether parameters have keys that begin with "name."; the empty name is that of the whole file.
static bool begins_with(const char *key, const char *name) {
  const size_t length = strlen(name);
  return length == 0 || (strncmp(key, name, length) == 0 && key[length] == '.');
}

bool config_key_is_section(const char *name) {
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

// The full key of a parameter or a section that has this very name elsewhere; false if none has.
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

// Finds the full key that was meant by `name` in `section`; false if nothing is like it.
static bool guess_key(const char *section, const char *name, char key[CONFIG_KEY_TEXT]) {
  char inside[NAMES_MAX][CONFIG_KEY_TEXT];
  const char *names[NAMES_MAX];
  const size_t count = names_inside(section, inside);
  for (size_t i = 0; i < count; i++) names[i] = inside[i];
  if (find_elsewhere(name, key)) return true;
  const char *nearest = error_nearest(name, names, count);
  if (nearest != NULL) config_key_join(key, section, nearest);
  return nearest != NULL;
}

bool config_key_complain(const struct config_place *place, const char *section, const char *name,
                         struct error *error) {
  char inside[NAMES_MAX][CONFIG_KEY_TEXT], guess[CONFIG_KEY_TEXT], reason[2048] = "";
  const bool root = section[0] == '\0';
  text_append(reason, sizeof reason, root ? "unknown section" : "unknown key");
  if (strchr(name, '.') != NULL &&
      (config_key_is_section(place->key) || config_parameter_find(place->key) >= 0))
    text_append(reason, sizeof reason, "; write its parts as sections, one inside the other.");
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
  if (config_key_is_section(key)) {
    config_complain(place, error, "is a section; give one key of it");
    return -1;
  }
  if (strcmp(key, CONFIG_SWEEP) == 0 || begins_with(key, CONFIG_SWEEP)) {
    config_complain(place, error, "is given in the input file alone");
    return -1;
  }
  char section[CONFIG_KEY_TEXT] = "", next[CONFIG_KEY_TEXT] = "";
  const char *name = key;
  for (; strchr(name, '.') != NULL; name = strchr(name, '.') + 1) {
    snprintf(next, sizeof next, "%.*s", (int)(strchr(name, '.') - key), key);
    if (!config_key_is_section(next)) break;
    memcpy(section, next, sizeof section);
  }
  char part[CONFIG_KEY_TEXT];
  snprintf(part, sizeof part, "%.*s", (int)strcspn(name, "."), name);
  config_key_complain(place, section, part, error);
  return -1;
}
