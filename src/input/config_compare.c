#include "input/config_compare.h"

#include <stdio.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_read.h"
#include "input/config_write.h"

// ---- texts ----

// An owned text that grows through a stream.
struct text {
  char *content;
  size_t size;
  FILE *stream;
};

static void text_open(struct text *text) {
  text->stream = open_memstream(&text->content, &text->size);
  if (text->stream == NULL) error_fatal("out of memory");
}

// What was written, owned.
static char *text_take(struct text *text) {
  if (fclose(text->stream) != 0) error_fatal("out of memory");
  return text->content;
}

static void write_line(const struct config *config, const struct config_parameter *parameter,
                       FILE *stream) {
  fprintf(stream, "%s:", parameter->key);
  if (config->given[parameter->index]) config_write_value(config, parameter, -1, stream);
  fputc('\n', stream);
}

char *config_lines(const struct config *config) {
  struct text text;
  text_open(&text);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    write_line(config, &parameter, text.stream);
  }
  return text_take(&text);
}

// The hash of the lines of all parameters that `counts` picks.
static uint64_t hash_lines(const struct config *config,
                           bool (*counts)(const struct config_parameter *parameter)) {
  struct text text;
  text_open(&text);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (counts(&parameter)) write_line(config, &parameter, text.stream);
  }
  char *lines = text_take(&text);
  const uint64_t hash = provenance_hash(lines);
  memory_free(&lines);
  return hash;
}

static bool is_relevant(const struct config_parameter *parameter) {
  return config_parameter_change(parameter) != CHANGE_IRRELEVANT;
}

uint64_t config_hash(const struct config *config) { return hash_lines(config, is_relevant); }

// With coupling: batch, the samples of a batch share a step.
static bool decides_latents(const struct config_parameter *parameter) {
  return parameter->section->evaluation || strcmp(parameter->key, "evaluation.start") == 0 ||
         strcmp(parameter->key, "evaluation.tries") == 0 ||
         strcmp(parameter->key, "evaluation.prior") == 0 ||
         strcmp(parameter->key, "evaluation.noise") == 0 ||
         strcmp(parameter->key, "training.batch") == 0;
}

uint64_t config_encoding_hash(const struct config *config) {
  return hash_lines(config, decides_latents);
}

// ---- values in lines ----

// Part of a text, borrowed; begin is NULL if there is none.
struct part {
  const char *begin;
  size_t length;
};

static bool same(struct part a, struct part b) {
  return a.length == b.length && memcmp(a.begin, b.begin, a.length) == 0;
}

static bool has_word(struct part part, const char *word) {
  return memmem(part.begin, part.length, word, strlen(word)) != NULL;
}

// The value in a line "key: value" or "key:" that ends at `end`.
static struct part value_in(const char *line, const char *end) {
  const char *value = memchr(line, ':', (size_t)(end - line));
  value = value == NULL ? end : value + 1;
  value += value < end && *value == ' ';
  return (struct part){value, (size_t)(end - value)};
}

static struct part find_value(const char *lines, const char *key) {
  const size_t length = strlen(key);
  for (const char *line = lines; *line != '\0';) {
    const char *end = line + strcspn(line, "\n");
    if (strncmp(line, key, length) == 0 && line[length] == ':') return value_in(line, end);
    line = end + (*end == '\n');
  }
  return (struct part){NULL, 0};
}

// The line of a parameter's default, owned.
static char *default_line(const struct config_parameter *parameter) {
  struct config *config = memory_new(struct config, 1);
  struct error error = {""};
  const struct config_place place = {.path = "the table", .key = parameter->key};
  if (!config_parameter_read(parameter, &place, config, &error)) error_fatal("%s", error.text);
  struct text text;
  text_open(&text);
  write_line(config, parameter, text.stream);
  memory_free(&config);
  return text_take(&text);
}

// The value of a parameter in the earlier run. *owned keeps it, if it is not one of `lines`.
static struct part value_before(const char *lines, const struct config_parameter *parameter,
                                char **owned) {
  struct part value = find_value(lines, parameter->key);
  if (value.begin == NULL && config_parameter_inherits(parameter)) {
    char key[64];
    snprintf(key, sizeof key, "encoding.%s", parameter->row->key);
    value = find_value(lines, key);
  }
  if (value.begin != NULL) return value;
  *owned = default_line(parameter);
  return find_value(*owned, parameter->key);
}

// ---- the comparison ----

// Whether a history of the earlier run holds losses of the test set.
static bool recorded_tests(const char *lines_before) {
  const struct part tasks = find_value(lines_before, "run.tasks");
  const struct part every = find_value(lines_before, "evaluation.every");
  const bool never = every.length == 1 && every.begin[0] == '0';
  return !never && tasks.begin != NULL && has_word(tasks, task_name(TASK_TRAIN)) &&
         has_word(tasks, task_name(TASK_EVALUATE));
}

static bool is_automatic(const struct config *config, const char *key) {
  return config->automatic[config_parameter_find(key)] != AUTOMATIC_NO;
}

static bool is_taken(const struct config_parameter *parameter, const char *lines_before,
                     const struct config *now) {
  switch (config_parameter_change(parameter)) {
    case CHANGE_REFUSED:
      return false;
    case CHANGE_UNLESS_SCHEDULED:
      return !config_validates(now) && (now->training.optimiser.schedule != SCHEDULE_COSINE ||
                                        is_automatic(now, "training.schedule"));
    case CHANGE_UNLESS_RECORDED:
      return !recorded_tests(lines_before);
    default:
      return true;
  }
}

// Appends a line; `now` without a text means that the key is not one of this program's.
static void write_difference(const char *key, struct part before, struct part now, FILE *stream) {
  static const struct part nothing = {"not given", 9}, unknown = {"unknown", 7};
  if (before.length == 0) before = nothing;
  if (now.length == 0) now = now.begin == NULL ? unknown : nothing;
  fprintf(stream, "%s%s: %.*s before, %.*s now", ftell(stream) > 0 ? "; " : "", key,
          (int)before.length, before.begin, (int)now.length, now.begin);
}

// The keys of the earlier run that this program does not have.
static void refuse_unknown(const char *lines_before, FILE *refused) {
  for (const char *line = lines_before; *line != '\0';) {
    const char *end = line + strcspn(line, "\n");
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(line, ":\n"), line);
    if (key[0] != '\0' && config_parameter_find(key) < 0)
      write_difference(key, value_in(line, end), (struct part){NULL, 0}, refused);
    line = end + (*end == '\n');
  }
}

bool config_compare(const char *lines_before, const struct config *now,
                    struct config_differences *out) {
  struct text refused, taken;
  text_open(&refused);
  text_open(&taken);
  char *lines = config_lines(now);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (config_parameter_change(&parameter) == CHANGE_IRRELEVANT) continue;
    char *owned = NULL;
    const struct part value = find_value(lines, parameter.key),
                      before = value_before(lines_before, &parameter, &owned);
    if (!same(before, value))
      write_difference(parameter.key, before, value,
                       is_taken(&parameter, lines_before, now) ? taken.stream : refused.stream);
    memory_free(&owned);
  }
  refuse_unknown(lines_before, refused.stream);
  memory_free(&lines);
  *out = (struct config_differences){text_take(&refused), text_take(&taken)};
  return out->refused[0] == '\0';
}

void config_differences_clear(struct config_differences *differences) {
  memory_free(&differences->refused);
  memory_free(&differences->taken);
}
