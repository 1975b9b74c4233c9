#include "input/config_write.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "ground/text.h"
#include "input/config_layers.h"

enum { COMMENT_COLUMN = 28, LINE_TEXT = 256 };

// ---- values ----

// Whether a text means the same to every reader of YAML without quotes.
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

static void write_choices(const struct config_row *row, const bool *chosen, FILE *stream) {
  const char *separator = "";
  fputc('[', stream);
  for (int k = 0; row->name(k) != NULL; k++) {
    if (!chosen[k]) continue;
    fprintf(stream, "%s%s", separator, row->name(k));
    separator = ", ";
  }
  fputc(']', stream);
}

static void write_integers(const struct config_integers *list, FILE *stream) {
  for (int64_t i = 0; i < list->count; i++)
    fprintf(stream, "%s%" PRId64, i == 0 ? "[" : ", ", list->values[i]);
  fputc(']', stream);
}

static void write_names(const struct config_names *list, FILE *stream) {
  for (int64_t i = 0; i < list->count; i++) {
    fputs(i == 0 ? "[" : ", ", stream);
    write_text(list->name[i], stream);
  }
  fputc(']', stream);
}

static void write_axis(const struct config_axis *axis, FILE *stream) {
  write_text(axis->axis, stream);
  if (axis->single) {
    fprintf(stream, ": %" PRId64, axis->first);
    return;
  }
  fprintf(stream, ": {first: %" PRId64, axis->first);
  if (axis->count > 0) fprintf(stream, ", count: %" PRId64, axis->count);
  fprintf(stream, ", stride: %" PRId64 "}", axis->stride);
}

static void write_select(const struct config_select *select, FILE *stream) {
  for (int64_t i = 0; i < select->count; i++) {
    fputs(i == 0 ? "{" : ", ", stream);
    write_axis(&select->axis[i], stream);
  }
  fputc('}', stream);
}

static void write_number(double value, FILE *stream) {
  char text[TEXT_NUMBER];
  fputs(text_number(value, text), stream);
}

static void write_numbers(const struct config_numbers *list, FILE *stream) {
  if (list->count != 1) fputc('[', stream);
  for (int64_t i = 0; i < list->count; i++) {
    if (i > 0) fputs(", ", stream);
    write_number(list->values[i], stream);
  }
  if (list->count != 1) fputc(']', stream);
}

static void write_scale(const struct config_scale *scale, FILE *stream) {
  if (scale->kind == SCALE_NUMBER)
    write_number(scale->value, stream);
  else if (scale->per == SCALE_PER_ALL)
    fputs(scale_name(scale->kind), stream);
  else
    fprintf(stream, "{kind: %s, per: %s}", scale_name(scale->kind), scale_per_name(scale->per));
}

static void write_missing(const struct config_missing *missing, FILE *stream) {
  if (missing->kind == MISSING_NUMBER)
    write_number(missing->value, stream);
  else
    fputs(missing_name(missing->kind), stream);
}

static const void *value_of(const struct config *config, const struct config_parameter *parameter) {
  return (const char *)config + config_parameter_offset(parameter);
}

static void write_stored(const struct config_row *row, const void *storage, int indent,
                         FILE *stream) {
  switch (row->type) {
    case TYPE_BOOLEAN:
      fputs(*(const bool *)storage ? "true" : "false", stream);
      break;
    case TYPE_INTEGER:
      if (row->most != NULL && *(const int64_t *)storage == (int64_t)row->range.upper)
        fputs(row->most, stream);
      else
        fprintf(stream, "%" PRId64, *(const int64_t *)storage);
      break;
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_BYTES:
      write_number(*(const double *)storage, stream);
      break;
    case TYPE_CHOICE:
      assert(row->name(*(const int *)storage) != NULL);
      fputs(row->name(*(const int *)storage), stream);
      break;
    case TYPE_CHOICES:
      write_choices(row, storage, stream);
      break;
    case TYPE_SCALE:
      write_scale(storage, stream);
      break;
    case TYPE_MISSING:
      write_missing(storage, stream);
      break;
    case TYPE_INTEGERS:
      write_integers(storage, stream);
      break;
    case TYPE_NUMBERS:
      write_numbers(storage, stream);
      break;
    case TYPE_NAMES:
      write_names(storage, stream);
      break;
    case TYPE_SELECT:
      write_select(storage, stream);
      break;
    case TYPE_LAYERS:
      config_layers_write(((const struct config_layers *)storage)->list,
                          (size_t)((const struct config_layers *)storage)->count, indent, stream);
      break;
    case TYPE_TEXT:
    case TYPE_DIRECTORY:
    case TYPE_FILE:
    case TYPE_FILES:
    case TYPE_FILE_OR_INSIDE:
    case TYPE_MASK:
      write_text(storage, stream);
      break;
    case TYPE_SIZES:
    case TYPE_BRANCHES:
      assert(false);  // of layers alone
  }
}

void config_write_value(const struct config *config, const struct config_parameter *parameter,
                        int indent, FILE *stream) {
  if (parameter->row->type != TYPE_LAYERS) fputc(' ', stream);
  const bool automatic = config->automatic[parameter->index] != AUTOMATIC_NO;
  assert(!automatic || parameter->row->automatic != NULL);
  if (automatic)
    fputs(parameter->row->automatic, stream);
  else
    write_stored(parameter->row, value_of(config, parameter), indent, stream);
}

// ---- sections ----

static size_t first_part(const char *name) { return strcspn(name, "."); }

static bool same_first_part(const char *a, const char *b) {
  return first_part(a) == first_part(b) && strncmp(a, b, first_part(a)) == 0;
}

// Begins the sections of a parameter, except those that the previous parameter, `last`, has begun,
// with their texts as comments if asked for. Returns how far the key is indented.
static int begin_section(const struct config_section *section, const char *last, bool comments,
                         FILE *stream) {
  const bool inner = strchr(section->name, '.') != NULL;
  if (!same_first_part(section->name, last)) {
    fputc('\n', stream);
    if (comments && !inner) fprintf(stream, "# %s\n", section->text);
    fprintf(stream, "%.*s:\n", (int)first_part(section->name), section->name);
  }
  if (inner && strcmp(section->name, last) != 0) {
    if (comments) fprintf(stream, "  # %s\n", section->text);
    fprintf(stream, "  %s:\n", section->name + first_part(section->name) + 1);
  }
  return inner ? 4 : 2;
}

// ---- the values of a run ----

// Layers are shown even if it was decoder.file that gave them.
static bool is_shown(const struct config *config, const struct config_parameter *parameter) {
  return config->given[parameter->index] ||
         (parameter->row->type == TYPE_LAYERS &&
          ((const struct config_layers *)value_of(config, parameter))->count > 0);
}

// Why a parameter has no value.
static const char *absence(const struct config *config, const struct config_parameter *parameter) {
  const enum config_type type = parameter->row->type;
  if (type == TYPE_TEXT || type == TYPE_DIRECTORY || type == TYPE_FILE || type == TYPE_FILES ||
      type == TYPE_FILE_OR_INSIDE || type == TYPE_INTEGERS || type == TYPE_NAMES ||
      type == TYPE_SELECT || type == TYPE_MASK)
    return "not given";
  if (strcmp(parameter->key, "encoder.layers") != 0) return "left to decoder.file";
  return config->run.model == MODEL_AUTOENCODER ? "the mirror of decoder.layers" : "not given";
}

// The text after "key:".
static void write_echo(const struct config *config, const struct config_parameter *parameter,
                       int indent, FILE *stream) {
  if (!is_shown(config, parameter)) {
    fprintf(stream, "  # %s", absence(config, parameter));
  } else if (config->automatic[parameter->index] == AUTOMATIC_NO) {
    config_write_value(config, parameter, indent, stream);
  } else {
    fputs(" auto", stream);
    if (config->automatic[parameter->index] == AUTOMATIC_OPEN) return;
    fputs("  # ", stream);
    write_stored(parameter->row, value_of(config, parameter), indent, stream);
  }
}

void config_write(const struct config *config, FILE *stream) {
  fputs("# Every value of a run, exactly: used as an input file, it gives the same run.\n", stream);
  const char *last = "";
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const int indent = begin_section(parameter.section, last, false, stream);
    fprintf(stream, "%*s%s:", indent, "", parameter.row->key);
    write_echo(config, &parameter, indent + 2, stream);
    fputc('\n', stream);
    last = parameter.section->name;
  }
}

void config_write_chosen(const struct config *config, FILE *stream) {
  const char *separator = "";
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    if (config->automatic[i] != AUTOMATIC_CHOSEN) continue;
    const struct config_parameter parameter = config_parameter(i);
    const void *value = value_of(config, &parameter);
    fprintf(stream, "%s%s = ", separator, parameter.key);
    if (parameter.row->type == TYPE_BYTES)
      fprintf(stream, "%.3g GiB", *(const double *)value / (double)(1 << 30));
    else if (value == &config->evaluation.tries && config->evaluation.tries > 1)
      fprintf(stream, "up to %" PRId64, config->evaluation.tries);
    else
      write_stored(parameter.row, value, -1, stream);
    separator = ", ";
  }
}

// ---- the reference ----

// Values that make the reference a working input where the defaults would not.
static const char *example(const char *key) {
  static const char *const table[][2] = {
      {"data.train.generate", "circle"},
      {"data.train.count", "200"},
      {"data.test.generate", "circle"},
      {"data.test.first", "200"},
      {"data.test.count", "50"},
      {"decoder.latent", "1"},
      {"decoder.layers", "[{dense: 32, activation: tanh}, {dense: 2}]"},
      {"decoder.loss", "mse"},
  };
  for (size_t i = 0; i < LENGTH(table); i++)
    if (strcmp(table[i][0], key) == 0) return table[i][1];
  return NULL;
}

// A line followed by its comment, which is broken between words into aligned lines.
static void write_commented(const char *line, const char *comment, FILE *stream) {
  int column = fprintf(stream, "%-*s", COMMENT_COLUMN, line);
  if (column > COMMENT_COLUMN) column = fprintf(stream, "\n%*s", COMMENT_COLUMN, "") - 1;
  column += fprintf(stream, "#");
  while (*comment != '\0') {
    const int word = (int)strcspn(comment, " ");
    if (column + 1 + word > CONFIG_LINE_WIDTH)
      column = fprintf(stream, "\n%*s#", COMMENT_COLUMN, "") - 1;
    column += fprintf(stream, " %.*s", word, comment);
    comment += word + (comment[word] == ' ');
  }
  fputc('\n', stream);
}

struct config_parameter config_explained_before(size_t index) {
  const struct config_parameter parameter = config_parameter(index);
  for (size_t i = 0; i < index; i++) {
    const struct config_parameter earlier = config_parameter(i);
    const bool same_default =
        config_parameter_otherwise(&earlier) == config_parameter_otherwise(&parameter);
    if (earlier.row == parameter.row && same_default) return earlier;
  }
  return (struct config_parameter){0};
}

void config_explain(size_t index, char text[CONFIG_EXPLANATION]) {
  const struct config_parameter parameter = config_parameter(index);
  const struct config_parameter before = config_explained_before(index);
  text[0] = '\0';
  if (config_parameter_inherits(&parameter)) {
    text_append(text, CONFIG_EXPLANATION, "as encoding.%s", parameter.row->key);
  } else if (before.row != NULL) {
    text_append(text, CONFIG_EXPLANATION, "see %s", before.key);
  } else {
    char type[CONFIG_EXPLANATION / 2] = "";
    config_row_describe(parameter.row, type, sizeof type);
    text_append(text, CONFIG_EXPLANATION, "%s (%s)", parameter.row->text, type);
  }
}

void config_explain_layer_key(size_t r, char text[CONFIG_EXPLANATION]) {
  const struct config_row *row = &config_layer_rows[r];
  char type[CONFIG_EXPLANATION / 2] = "";
  config_row_describe(row, type, sizeof type);
  text[0] = '\0';
  text_append(text, CONFIG_EXPLANATION, "%s (%s%s%s)", row->text, type,
              row->otherwise != NULL ? "; default " : "",
              row->otherwise != NULL ? row->otherwise : "");
}

static void write_parameter(size_t index, int indent, FILE *stream) {
  const struct config_parameter parameter = config_parameter(index);
  char line[LINE_TEXT] = "", comment[CONFIG_EXPLANATION];
  const char *otherwise = config_parameter_otherwise(&parameter), *shown = example(parameter.key);
  const char *value = shown != NULL ? shown : otherwise;
  text_append(line, sizeof line, "%*s%s:", indent, "", parameter.row->key);
  if (value != NULL) text_append(line, sizeof line, " %s", value);
  config_explain(index, comment);
  if (shown != NULL)
    text_append(comment, sizeof comment, "; an example, %s%s",
                otherwise != NULL ? "the default is " : "there is no default",
                otherwise != NULL ? otherwise : "");
  write_commented(line, comment, stream);
}

static void write_layer_keys(FILE *stream) {
  fputs("    # A layer has the keys\n", stream);
  for (size_t r = 0; r < config_layer_row_count; r++) {
    char line[LINE_TEXT] = "", comment[CONFIG_EXPLANATION];
    text_append(line, sizeof line, "    #   %s", config_layer_rows[r].key);
    config_explain_layer_key(r, comment);
    write_commented(line, comment, stream);
  }
}

// As a comment: otherwise the reference would not be a single run.
void config_write_sweep(FILE *stream) {
  fputs(
      "\n"
      "# Many runs from one input, each in a directory of its own (inputs/sweep.yaml): values to\n"
      "# try, by full key. Where several parts are given, all their combinations are run.\n"
      "# sweep:\n"
      "#   grid: {training.batch: [20, 64], decoder.latent: [5, 20]}  # every combination\n"
      "#   zip: {training.batch: [20, 64], training.epochs: [1, 3]}   # side by side\n"
      "#   list: [{training.optimiser: sgd}, {training.batch: 5}]     # as written\n"
      "#   random:                                                    # drawn at random\n"
      "#     samples: 20\n"
      "#     seed: 1\n"
      "#     training.learning_rate: {range: [1e-4, 1e-2], log: true}\n"
      "#     encoding.solver: {choices: [lbfgs, amd]}\n",
      stream);
}

void config_write_reference(FILE *stream) {
  fputs(
      "# Every parameter of gfe_hpc with its default: a valid input file, ready to be run or cut\n"
      "# down to what you want to change. A key without a value is not given. Values that are\n"
      "# examples rather than defaults are marked as such.\n",
      stream);
  const char *last = "";
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const int indent = begin_section(parameter.section, last, true, stream);
    write_parameter(i, indent, stream);
    if (strcmp(parameter.key, "decoder.layers") == 0) write_layer_keys(stream);
    last = parameter.section->name;
  }
  config_write_sweep(stream);
}
