#include "input/config_format.h"

#include <inttypes.h>
#include <string.h>

#include "ground/text.h"
#include "input/config_layers.h"

// ---- what is given ----

bool config_is_text(const struct config_row *row) {
  return row->type == TYPE_TEXT || row->type == TYPE_FILE || row->type == TYPE_FILE_OR_INSIDE;
}

bool config_is_given(const struct config *config, const struct config_parameter *parameter) {
  const char *value = (const char *)config + config_parameter_offset(parameter);
  if (config_is_text(parameter->row)) return value[0] != '\0';
  if (parameter->row->type == TYPE_INTEGERS)
    return ((const struct config_integers *)(const void *)value)->count > 0;
  const struct config_decoder *decoder = &config->decoder;
  if (strcmp(parameter->key, "decoder.latent") == 0) return decoder->latent_given;
  if (strcmp(parameter->key, "decoder.loss") == 0) return decoder->loss_given;
  if (strcmp(parameter->key, "run.model") == 0) return config->run.model_given;
  if (strcmp(parameter->key, "encoder.layers") == 0) return config->encoder.layers_given;
  return strcmp(parameter->key, "decoder.layers") != 0 || decoder->layers_given;
}

// ---- writing ----

// Whether a text may stand without quotes and mean the same to every reader of YAML.
static bool is_plain(const char *text) {
  static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
  if (text[0] == '\0' || strchr(letters, text[0]) == NULL) return false;
  for (const char *c = text; *c != '\0'; c++)
    if (strchr(letters, *c) == NULL && strchr("0123456789.-+", *c) == NULL) return false;
  for (size_t i = 0; i < LENGTH(words); i++)
    if (text_same_word(text, words[i])) return false;
  return true;
}

// The character of UTF-8 that begins at `text`, and its length. One of four bytes never needs an
// escape and counts as four single ones.
static unsigned character(const char *text, size_t *bytes) {
  const unsigned char *c = (const unsigned char *)text;
  const bool two = (c[0] & 0xE0) == 0xC0 && (c[1] & 0xC0) == 0x80;
  const bool three = (c[0] & 0xF0) == 0xE0 && (c[1] & 0xC0) == 0x80 && (c[2] & 0xC0) == 0x80;
  *bytes = two ? 2 : three ? 3 : 1;
  if (two) return (c[0] & 0x1FU) << 6 | (c[1] & 0x3FU);
  if (three) return (c[0] & 0x0FU) << 12 | (c[1] & 0x3FU) << 6 | (c[2] & 0x3FU);
  return c[0];
}

// Whether YAML would refuse a character as it is, or take it for the end of a line.
static bool needs_escape(unsigned code, size_t bytes) {
  if (bytes == 1) return code < 0x20 || code == 0x7F;
  if (bytes == 2) return code < 0xA0;
  return code == 0x2028 || code == 0x2029 || code == 0xFEFF || code >= 0xFFFE;
}

static void write_text(const char *text, FILE *stream) {
  if (is_plain(text)) {
    fputs(text, stream);
    return;
  }
  fputc('"', stream);
  for (size_t bytes; *text != '\0'; text += bytes) {
    const unsigned code = character(text, &bytes);
    if (code == '"' || code == '\\')
      fprintf(stream, "\\%c", (char)code);
    else if (needs_escape(code, bytes))
      fprintf(stream, "\\u%04X", code);
    else
      fwrite(text, 1, bytes, stream);
  }
  fputc('"', stream);
}

static void write_tasks(const bool *tasks, FILE *stream) {
  const char *separator = "";
  fputc('[', stream);
  for (int task = 0; task < TASK_COUNT; task++) {
    if (!tasks[task]) continue;
    fprintf(stream, "%s%s", separator, task_name(task));
    separator = ", ";
  }
  fputc(']', stream);
}

static void write_integers(const struct config_integers *list, FILE *stream) {
  for (int64_t i = 0; i < list->count; i++)
    fprintf(stream, "%s%" PRId64, i == 0 ? "[" : ", ", list->values[i]);
  fputc(']', stream);
}

static void write_number(double value, FILE *stream) {
  char text[TEXT_NUMBER];
  fputs(text_number(value, text), stream);
}

static void write_scale(const struct config_scale *scale, FILE *stream) {
  if (scale->kind == SCALE_NUMBER)
    write_number(scale->value, stream);
  else
    fputs(scale_name(scale->kind), stream);
}

void config_format_value(const struct config_row *row, const void *storage, int indent,
                         FILE *stream) {
  if (row->type != TYPE_LAYERS) fputc(' ', stream);
  switch (row->type) {
    case TYPE_BOOLEAN:
      fputs(*(const bool *)storage ? "true" : "false", stream);
      break;
    case TYPE_INTEGER:
      fprintf(stream, "%" PRId64, *(const int64_t *)storage);
      break;
    case TYPE_NUMBER:
    case TYPE_DURATION:
      write_number(*(const double *)storage, stream);
      break;
    case TYPE_CHOICE:
      fputs(row->name(*(const int *)storage), stream);
      break;
    case TYPE_TASKS:
      write_tasks(storage, stream);
      break;
    case TYPE_SCALE:
      write_scale(storage, stream);
      break;
    case TYPE_INTEGERS:
      write_integers(storage, stream);
      break;
    case TYPE_LAYERS:
      config_layers_write(((const struct config_layers *)storage)->list,
                          (size_t)((const struct config_layers *)storage)->count, indent, stream);
      break;
    default:
      write_text(storage, stream);
  }
}

// ---- describing ----

static void append_range(char *text, size_t size, const struct config_range *range) {
  char lower[TEXT_NUMBER], upper[TEXT_NUMBER];
  text_append(text, size, " in %c%s,%s%c", range->ends & OPEN_LOWER ? '(' : '[',
              text_number(range->lower, lower), text_number(range->upper, upper),
              range->ends & OPEN_UPPER ? ')' : ']');
}

static void append_choices(char *text, size_t size, const char *(*name)(int)) {
  const char *names[TEXT_NAMES_MAX];
  text_append_names(text, size, names, text_collect_names(name, names));
}

void config_format_row(const struct config_row *row, char *text, size_t size) {
  static const char *const types[] = {
      [TYPE_BOOLEAN] = "true or false",
      [TYPE_INTEGER] = "integer",
      [TYPE_NUMBER] = "number",
      [TYPE_DURATION] = "number, HH:MM:SS or D-HH:MM:SS",
      [TYPE_CHOICE] = "",
      [TYPE_TEXT] = "text",
      [TYPE_FILE] = "file",
      [TYPE_FILE_OR_INSIDE] = "file or path in it",
      [TYPE_TASKS] = "list of ",
      [TYPE_SCALE] = "none, minmax, standardise or number",
      [TYPE_INTEGERS] = "list of integers",
      [TYPE_LAYERS] = "list of layers",
      [TYPE_SIZES] = "integer or list of integers",
      [TYPE_BRANCHES] = "two lists of layers",
  };
  snprintf(text, size, "%s", types[row->type]);
  if (row->type == TYPE_CHOICE) append_choices(text, size, row->name);
  if (row->type == TYPE_TASKS) append_choices(text, size, task_name);
  if (row->type == TYPE_INTEGER || row->type == TYPE_NUMBER || row->type == TYPE_DURATION ||
      row->type == TYPE_SCALE || row->type == TYPE_SIZES)
    append_range(text, size, &row->range);
  if (row->unit != NULL) text_append(text, size, ", %s", row->unit);
}
