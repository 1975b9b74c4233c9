#include <string.h>

#include "ground/text.h"
#include "input/config_read.h"
#include "input/config_write.h"

enum { NAMES_TEXT = 1024 };

// Whether a key or section is `name` or inside of it; everything is inside of NULL.
static bool is_inside(const char *key, const char *name) {
  if (name == NULL) return true;
  const size_t length = strlen(name);
  return strncmp(key, name, length) == 0 && (key[length] == '\0' || key[length] == '.');
}

bool config_help_finds(const char *name, struct error *error) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++)
    if (is_inside(config_parameter(i).key, name)) return true;
  if (strcmp(name, CONFIG_SWEEP) == 0) return true;
  const struct config_place place = {.path = "--help", .key = name};
  return config_key_find(&place, error) >= 0;
}

// ---- entries ----

// A name and its explanation, broken between words into an aligned column.
static void write_entry(const char *name, const char *text, FILE *stream) {
  int column = fprintf(stream, "  %-*s", CONFIG_HELP_COLUMN - 3, name);
  while (*text != '\0') {
    const int word = (int)strcspn(text, " ");
    if (column + 1 + word > CONFIG_LINE_WIDTH)
      column = fprintf(stream, "\n%*s", CONFIG_HELP_COLUMN - 1, "") - 1;
    column += fprintf(stream, " %.*s", word, text);
    text += word + (text[word] == ' ');
  }
  fputc('\n', stream);
}

static void write_parameter(const struct config_parameter *parameter, bool short_text,
                            FILE *stream) {
  char text[CONFIG_EXPLANATION] = "", type[CONFIG_EXPLANATION / 2] = "";
  const char *otherwise = config_parameter_otherwise(parameter);
  if (!short_text) config_row_describe(parameter->row, type, sizeof type);
  text_append(text, sizeof text, "%s", parameter->row->text);
  if (config_parameter_inherits(parameter))
    text_append(text, sizeof text, " (%s; default: as encoding.%s)", type, parameter->row->key);
  else if (otherwise != NULL)
    text_append(text, sizeof text, " (%s%sdefault %s)", type, short_text ? "" : "; ", otherwise);
  else if (!short_text)
    text_append(text, sizeof text, " (%s)", type);
  write_entry(parameter->key, text, stream);
}

// ---- sections ----

// The section that explains a parameter, if that is another one and part of the same text; else
// NULL.
static const char *explained_in(size_t index, const char *name) {
  const struct config_parameter parameter = config_parameter(index);
  const struct config_parameter before = config_explained_before(index);
  const char *section = config_parameter_inherits(&parameter) ? "encoding"
                        : before.row != NULL                  ? before.section->name
                                                              : NULL;
  return section != NULL && is_inside(section, name) ? section : NULL;
}

static bool same_section(size_t a, size_t b) {
  return strcmp(config_parameter(a).section->name, config_parameter(b).section->name) == 0;
}

// The parameters from `first` up to `end` that are explained elsewhere, as one entry.
static void write_others(size_t first, size_t end, const char *name, FILE *stream) {
  char text[NAMES_TEXT] = "", key[CONFIG_KEY_TEXT];
  const char *section = NULL;
  for (size_t i = first; i < end; i++) {
    const char *there = explained_in(i, name);
    if (there == NULL) continue;
    text_append(text, sizeof text, "%s%s", section != NULL ? ", " : "",
                config_parameter(i).row->key);
    section = there;
  }
  if (section == NULL) return;
  text_append(text, sizeof text, ": as in %s", section);
  snprintf(key, sizeof key, "%s.*", config_parameter(first).section->name);
  write_entry(key, text, stream);
}

static void write_layer_keys(FILE *stream) {
  fputs("\nkeys of a layer\n\n", stream);
  for (size_t r = 0; r < config_layer_row_count; r++) {
    char text[CONFIG_EXPLANATION];
    config_explain_layer_key(r, text);
    write_entry(config_layer_rows[r].key, text, stream);
  }
}

void config_write_help(const char *name, FILE *stream) {
  if (name != NULL && strcmp(name, CONFIG_SWEEP) == 0) config_write_sweep(stream);
  const size_t count = config_parameter_count();
  bool layers = false;
  for (size_t first = 0, end; first < count; first = end) {
    const struct config_section *section = config_parameter(first).section;
    bool begun = false;
    for (end = first; end < count && same_section(first, end); end++) {
      const struct config_parameter parameter = config_parameter(end);
      if (!is_inside(parameter.key, name)) continue;
      if (!begun) fprintf(stream, "\n%s: %s\n\n", section->name, section->text);
      begun = true;
      if (explained_in(end, name) == NULL) write_parameter(&parameter, name == NULL, stream);
      layers = layers || strcmp(parameter.key, "decoder.layers") == 0;
    }
    if (begun) write_others(first, end, name, stream);
  }
  if (name != NULL && layers) write_layer_keys(stream);
}
