#include <string.h>

#include "ground/text.h"
#include "input/config.h"
#include "input/config_format.h"

enum { COMMENT_COLUMN = 28, LINE_WIDTH = 100, LINE_TEXT = 256, COMMENT_TEXT = 1024 };

static size_t first_part(const char *name) { return strcspn(name, "."); }

static bool same_first_part(const char *a, const char *b) {
  return first_part(a) == first_part(b) && strncmp(a, b, first_part(a)) == 0;
}

// Begins the sections of a parameter unless those of the parameter before it, `last`, still stand,
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

static const void *config_value(const struct config *config,
                                const struct config_parameter *parameter) {
  return (const char *)config + config_parameter_offset(parameter);
}

// Layers are shown even if it was decoder.file that gave them.
static bool is_shown(const struct config *config, const struct config_parameter *parameter) {
  return config_is_given(config, parameter) ||
         (parameter->row->type == TYPE_LAYERS &&
          ((const struct config_layers *)config_value(config, parameter))->count > 0);
}

// Why a parameter has no value.
static const char *absence(const struct config *config, const struct config_parameter *parameter) {
  if (config_is_text(parameter->row) || parameter->row->type == TYPE_INTEGERS) return "not given";
  if (strcmp(parameter->key, "encoder.layers") != 0) return "left to decoder.file";
  return config->run.model == MODEL_AUTOENCODER ? "the mirror of decoder.layers" : "not given";
}

void config_write(const struct config *config, FILE *stream) {
  fputs("# Every value of a run, exact: as an input file it gives the same run.\n", stream);
  const char *last = "";
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const int indent = begin_section(parameter.section, last, false, stream);
    fprintf(stream, "%*s%s:", indent, "", parameter.row->key);
    if (is_shown(config, &parameter))
      config_format_value(parameter.row, config_value(config, &parameter), indent + 2, stream);
    else
      fprintf(stream, "  # %s", absence(config, &parameter));
    fputc('\n', stream);
    last = parameter.section->name;
  }
}

// ---- the reference ----

// Values that make the reference an input that runs, where the default would not.
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

// A line with its comment behind it, broken between words into aligned lines.
static void write_commented(const char *line, const char *comment, FILE *stream) {
  int column = fprintf(stream, "%-*s", COMMENT_COLUMN, line);
  if (column > COMMENT_COLUMN) column = fprintf(stream, "\n%*s", COMMENT_COLUMN, "") - 1;
  column += fprintf(stream, "#");
  while (*comment != '\0') {
    const int word = (int)strcspn(comment, " ");
    if (column + 1 + word > LINE_WIDTH) column = fprintf(stream, "\n%*s#", COMMENT_COLUMN, "") - 1;
    column += fprintf(stream, " %.*s", word, comment);
    comment += word + (comment[word] == ' ');
  }
  fputc('\n', stream);
}

// The parameter of an earlier section with the same row and the same kind of default, which need
// not be explained twice; without a row
// if there is none.
static struct config_parameter explained_before(size_t index) {
  const struct config_parameter parameter = config_parameter(index);
  for (size_t i = 0; i < index; i++) {
    const struct config_parameter earlier = config_parameter(i);
    const bool same_default =
        config_parameter_standard(&earlier) == config_parameter_standard(&parameter);
    if (earlier.row == parameter.row && same_default) return earlier;
  }
  return (struct config_parameter){0};
}

// What the comment of a parameter says of it.
static void explain(size_t index, char *comment, size_t size) {
  const struct config_parameter parameter = config_parameter(index);
  const struct config_parameter before = explained_before(index);
  if (config_parameter_inherits(&parameter)) {
    text_append(comment, size, "as encoding.%s", parameter.row->key);
  } else if (before.row != NULL) {
    text_append(comment, size, "see %s", before.key);
  } else {
    char type[COMMENT_TEXT / 2];
    config_format_row(parameter.row, type, sizeof type);
    text_append(comment, size, "%s (%s)", parameter.row->text, type);
  }
}

static void write_parameter(size_t index, int indent, FILE *stream) {
  const struct config_parameter parameter = config_parameter(index);
  char line[LINE_TEXT] = "", comment[COMMENT_TEXT] = "";
  const char *standard = config_parameter_standard(&parameter), *shown = example(parameter.key);
  const char *value = shown != NULL ? shown : standard;
  text_append(line, sizeof line, "%*s%s:", indent, "", parameter.row->key);
  if (value != NULL) text_append(line, sizeof line, " %s", value);
  explain(index, comment, sizeof comment);
  if (shown != NULL)
    text_append(comment, sizeof comment, "; an example, %s%s",
                standard != NULL ? "the default is " : "there is no default",
                standard != NULL ? standard : "");
  write_commented(line, comment, stream);
}

static void write_layer_keys(FILE *stream) {
  fputs("    # A layer has the keys\n", stream);
  for (size_t r = 0; r < config_layer_row_count; r++) {
    const struct config_row *row = &config_layer_rows[r];
    char line[LINE_TEXT] = "", comment[COMMENT_TEXT] = "", type[COMMENT_TEXT / 2];
    text_append(line, sizeof line, "    #   %s", row->key);
    config_format_row(row, type, sizeof type);
    text_append(comment, sizeof comment, "%s (%s%s%s)", row->text, type,
                row->standard != NULL ? "; default " : "",
                row->standard != NULL ? row->standard : "");
    write_commented(line, comment, stream);
  }
}

// A section of its own kind, as a comment: with it the reference would be no single run.
static void write_sweep(FILE *stream) {
  fputs(
      "\n"
      "# Many runs from one input, each in a directory of its own (inputs/sweep.yaml): values to\n"
      "# try, by full key. Several parts combine, every position of one with every other.\n"
      "# sweep:\n"
      "#   grid: {training.batch: [20, 64], decoder.latent: [5, 20]}  # every combination\n"
      "#   zip: {training.batch: [20, 64], training.epochs: [1, 3]}   # side by side\n"
      "#   list: [{training.optimiser: sgd}, {training.batch: 5}]     # as written\n"
      "#   random:                                                    # by chance\n"
      "#     samples: 20\n"
      "#     seed: 1\n"
      "#     training.learning_rate: {range: [1e-4, 1e-2], log: true}\n"
      "#     encoding.solver: {choices: [lbfgs, amd]}\n",
      stream);
}

void config_write_reference(FILE *stream) {
  fputs(
      "# Every parameter of gfe_hpc with its default: a valid input file, ready to be run or cut\n"
      "# down to what you want to change. A key without a value is not given. Values that are an\n"
      "# example instead of the default say so.\n",
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
  write_sweep(stream);
}

// ---- the summary ----

void config_write_summary(FILE *stream) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const struct config_parameter before = explained_before(i);
    const char *standard = config_parameter_standard(&parameter);
    fprintf(stream, "  %-25s %-18s ", parameter.key, standard != NULL ? standard : "-");
    if (config_parameter_inherits(&parameter))
      fprintf(stream, "as encoding.%s\n", parameter.row->key);
    else if (before.row != NULL)
      fprintf(stream, "see %s\n", before.key);
    else
      fprintf(stream, "%s\n", parameter.row->text);
  }
}
