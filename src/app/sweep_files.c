// A sweep's tasks in the file system: their directories, their states, and sweep.json.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/sweep.h"
#include "app/sweep_internal.h"
#include "files/summary.h"
#include "ground/directory.h"
#include "ground/durable.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_compare.h"
#include "input/config_read.h"

enum { PATH_TEXT = CONFIG_TEXT + SWEEP_NAME + 64 };

// ---- directories ----

// Reads "task_INDEX_HASH", HASH being 8 hexadecimal digits.
static bool parse_name(const char *name, int64_t *index, uint64_t *hash) {
  int digits = 0, end = 0;
  long long number = 0;
  unsigned value = 0;
  if (sscanf(name, "task_%18[0123456789]%n", (char[32]){""}, &digits) != 1) return false;
  if (sscanf(name, "task_%18lld_%8x%n", &number, &value, &end) != 2) return false;
  if (end != digits + 9 || name[end] != '\0' || strlen(name) >= SWEEP_NAME) return false;
  for (const char *c = name + digits + 1; *c != '\0'; c++)
    if (!isxdigit((unsigned char)*c)) return false;
  *index = number;
  *hash = value;
  return true;
}

// A directory from an earlier start is reused, however many zeros its name has; one with the same
// index but a different input blocks the whole sweep.
void sweep_find_directories(struct sweep *sweep) {
  DIR *directory = opendir(sweep->directory);
  sweep->clash = sweep->count;
  if (directory == NULL) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    int64_t index;
    uint64_t hash;
    if (!parse_name(entry->d_name, &index, &hash) || index >= sweep->count) continue;
    struct sweep_task *task = &sweep->tasks[index];
    if (task->values == NULL) continue;
    char *name = hash == task->hash >> 32 ? task->name : sweep->clash_name;
    if (name == sweep->clash_name && index >= sweep->clash) continue;
    if (name == sweep->clash_name) sweep->clash = index;
    snprintf(name, SWEEP_NAME, "%.*s", SWEEP_NAME - 1, entry->d_name);
  }
  closedir(directory);
}

// Appends lines, each preceded by `*separator`, which then becomes "; ".
static void append_lines(char *text, size_t size, const char *lines, const char **separator) {
  while (*lines != '\0') {
    const int length = (int)strcspn(lines, "\n");
    text_append(text, size, "%s%.*s", *separator, length, lines);
    *separator = "; ";
    lines += length + (lines[length] == '\n');
  }
}

// Appends " (KEY: value before, value now; ...)", as far as the earlier input can still be read.
static void append_differences(const struct sweep *sweep, char *text, size_t size) {
  char path[CONFIG_TEXT + 2 * SWEEP_NAME];
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  struct config_differences differences;
  snprintf(path, sizeof path, "%s/%s/used_parameters.yaml", sweep->directory, sweep->clash_name);
  if (config_read(config, path, NULL, 0, &error)) {
    char *lines = config_lines(config);
    if (sweep_plan_resolve(sweep->plan, sweep->source, sweep->clash, config, &error)) {
      config_compare(lines, config, &differences);
      const char *separator = " (";
      append_lines(text, size, differences.refused, &separator);
      append_lines(text, size, differences.taken, &separator);
      text_append(text, size, "%s", separator[0] == ';' ? ")" : "");
      config_differences_clear(&differences);
    }
    memory_free(&lines);
  }
  memory_free(&config);
}

bool sweep_check_directories(const struct sweep *sweep, struct error *error) {
  if (sweep->clash == sweep->count) return true;
  char differences[1024] = "";
  append_differences(sweep, differences, sizeof differences);
  return error_set(
      error,
      "%s: task %lld would run in %s/%s, but %s exists and has a different input%s; give "
      "another run.directory, or move the old one away",
      sweep->path, (long long)sweep->clash, sweep->directory, sweep->tasks[sweep->clash].name,
      sweep->clash_name, differences);
}

// ---- states ----

// What a task's directory says about it.
static void describe_state(const struct sweep *sweep, const struct sweep_task *task, char *state,
                           size_t size) {
  struct stat status;
  struct summary summary;
  char *path = directory_path(sweep->directory, task->name);
  if (stat(path, &status) != 0)
    snprintf(state, size, "not begun");
  else if (!summary_read(path, task->hash, &summary))
    snprintf(state, size, "begun");
  else if (strcmp(summary.exit_reason, "done") != 0)
    snprintf(state, size, "stopped (%s)", summary.exit_reason);
  else
    snprintf(state, size, summary.finished ? "finished" : "begun");
  memory_free(&path);
}

// ---- sweep.json ----

static const char record_head[] = "{\n  \"input_hash\": \"%016" PRIx64 "\",\n";  // how it begins

static void write_string(const char *text, FILE *stream) {
  fputc('"', stream);
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', stream);
    fputc(*text, stream);
  }
  fputc('"', stream);
}

bool sweep_is_recorded(const struct sweep *sweep) {
  char expected[64], found[64] = "", *path = directory_path(sweep->directory, "sweep.json");
  const size_t length = (size_t)snprintf(expected, sizeof expected, record_head, sweep->hash);
  FILE *file = fopen(path, "r");
  const bool same = file != NULL && fread(found, 1, length, file) == length &&
                    memcmp(found, expected, length) == 0;
  if (file != NULL) fclose(file);
  memory_free(&path);
  return same;
}

// A value's text in YAML as JSON: a number, true or false, null, or a string. Quoted texts are the
// same in both.
static void write_value(const struct config_row *row, const char *text, FILE *stream) {
  const bool number =
      row->type == TYPE_INTEGER || row->type == TYPE_NUMBER || row->type == TYPE_DURATION ||
      ((row->type == TYPE_SCALE || row->type == TYPE_MISSING) && strspn(text, "-0123456789") > 0);
  if (text[0] == '\0')
    fputs("null", stream);
  else if (number || row->type == TYPE_BOOLEAN || text[0] == '"')
    fputs(text, stream);
  else
    write_string(text, stream);
}

static void write_keys(const struct sweep_key *keys, size_t count, FILE *stream) {
  fputs("  \"keys\": [", stream);
  for (size_t k = 0; k < count; k++) {
    const struct config_row *row = config_parameter((size_t)keys[k].parameter).row;
    fprintf(stream, "%s\n    {\"key\": \"%s\", \"unit\": ", k > 0 ? "," : "", keys[k].key);
    write_string(row->unit != NULL ? row->unit : "1", stream);
    fputs(", \"text\": ", stream);
    write_string(row->text, stream);
    fputc('}', stream);
  }
  fputs("\n  ],\n", stream);
}

// The contents of sweep.json; owned.
static char *describe(const struct sweep *sweep) {
  char *content = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&content, &size);
  if (stream == NULL) error_fatal("out of memory");
  const struct sweep_key *keys;
  const size_t key_count = sweep_plan_keys(sweep->plan, &keys);
  fprintf(stream, record_head, sweep->hash);
  write_keys(keys, key_count, stream);
  fputs("  \"tasks\": [", stream);
  for (int64_t t = 0; t < sweep->count; t++) {
    const struct sweep_task *task = &sweep->tasks[t];
    fprintf(stream,
            "%s\n    {\"index\": %lld, \"directory\": \"%s\", \"config_hash\": \"%016llx\", "
            "\"values\": {",
            t > 0 ? "," : "", (long long)t, task->name, (unsigned long long)task->hash);
    for (size_t k = 0; k < key_count; k++) {
      fprintf(stream, "%s\"%s\": ", k > 0 ? ", " : "", keys[k].key);
      write_value(config_parameter((size_t)keys[k].parameter).row, task->values[k], stream);
    }
    fputs("}}", stream);
  }
  fputs("\n  ]\n}\n", stream);
  if (fclose(stream) != 0) error_fatal("out of memory");
  return content;
}

// Many tasks may write at the same time: each writes its own file and renames it.
void sweep_record(const struct sweep *sweep) {
  if (sweep->plan == NULL || sweep->recorded) return;
  directory_make(sweep->directory);
  char path[PATH_TEXT], partial[PATH_TEXT];
  snprintf(path, sizeof path, "%s/sweep.json", sweep->directory);
  snprintf(partial, sizeof partial, "%s/sweep.json.XXXXXX", sweep->directory);
  const int file = mkstemp(partial);
  const mode_t mask = umask(0);
  umask(mask);
  FILE *stream = file >= 0 && fchmod(file, 0666 & ~mask) == 0 ? fdopen(file, "w") : NULL;
  if (stream == NULL) error_fatal("cannot write %s: %s", partial, strerror(errno));
  char *content = describe(sweep);
  const bool written = fputs(content, stream) >= 0;
  if (fclose(stream) != 0 || !written) error_fatal("cannot write %s: %s", partial, strerror(errno));
  durable_put(partial, path);
  memory_free(&content);
}

// ---- the list ----

// A table in which every column is as wide as its widest cell.
struct table {
  size_t columns;
  size_t width[SWEEP_KEYS + 3];
};

static void measure(struct table *table, const char *const *cells) {
  for (size_t c = 0; c < table->columns; c++)
    if (strlen(cells[c]) > table->width[c]) table->width[c] = strlen(cells[c]);
}

static void print_row(const struct table *table, const char *const *cells) {
  for (size_t c = 0; c < table->columns; c++) {
    const bool last = c + 1 == table->columns;
    log_text("  %-*s%s", last ? 0 : (int)table->width[c], cells[c], last ? "\n" : "");
  }
}

// The cells of a task's row; `index` and `state` are kept by the caller.
static void fill_row(const struct sweep *sweep, int64_t t, size_t keys, char index[24],
                     char state[96], const char **cells) {
  const struct sweep_task *task = &sweep->tasks[t];
  snprintf(index, 24, "%lld", (long long)t);
  describe_state(sweep, task, state, 96);
  cells[0] = index;
  cells[1] = state;
  cells[2] = task->name;
  for (size_t k = 0; k < keys; k++)
    cells[3 + k] = task->values[k][0] != '\0' ? task->values[k] : "-";
}

bool sweep_list(struct sweep *sweep, struct error *error) {
  if (sweep->plan == NULL)
    return error_set(error, "--tasks: %s has no section sweep, so it is a single run", sweep->path);
  if (!sweep_read_all(sweep, error)) return false;
  const struct sweep_key *keys;
  const size_t key_count = sweep_plan_keys(sweep->plan, &keys);
  const char *cells[SWEEP_KEYS + 3] = {"task", "state", "directory"};
  for (size_t k = 0; k < key_count; k++) cells[3 + k] = keys[k].key;
  struct table table = {.columns = key_count + 3};
  char index[24], state[96];
  const char *row[SWEEP_KEYS + 3];
  measure(&table, cells);
  for (int64_t t = 0; t < sweep->count; t++) {
    fill_row(sweep, t, key_count, index, state, row);
    measure(&table, row);
  }
  log_line("%s: a sweep of %lld tasks in %s", sweep->path, (long long)sweep->count,
           sweep->directory);
  print_row(&table, cells);
  for (int64_t t = 0; t < sweep->count; t++) {
    fill_row(sweep, t, key_count, index, state, row);
    print_row(&table, row);
  }
  struct stat status;
  struct error clash = {""};
  if (!sweep_check_directories(sweep, &clash))
    log_warning("%s", clash.text);
  else if (stat(sweep->directory, &status) == 0)
    sweep_record(sweep);  // so that gfe_collect.py knows a sweep that has grown
  return true;
}
