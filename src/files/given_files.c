#include "files/given_files.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "files/partial.h"
#include "ground/checksum.h"
#include "ground/directory.h"
#include "ground/fingerprint.h"
#include "ground/memory.h"
#include "ground/pattern.h"
#include "ground/text.h"
#include "platform/h5.h"

enum { PER_SET = 4, FILES = PER_SET * SET_COUNT + 1 };

struct given {
  const char *key;  // borrowed
  char path[CONFIG_TEXT];
};

static void add(struct given *list, size_t *count, const char *key, const char *path) {
  struct given *given = &list[(*count)++];
  given->key = key;
  snprintf(given->path, sizeof given->path, "%s", path);
}

// Fills a list; returns how many. A path inside an HDF5 file is listed like
// a file: there is hardly ever a file of that name.
static size_t list_files(const struct run *run, struct given list[FILES]) {
  static const char *const keys[SET_COUNT][PER_SET] = {
      {"data.train.file", "data.train.labels", "data.train.weights", "data.train.mask"},
      {"data.test.file", "data.test.labels", "data.test.weights", "data.test.mask"},
      {"data.encode.file", "data.encode.labels", "data.encode.weights", "data.encode.mask"},
      {"data.validation.file", "data.validation.labels", "data.validation.weights",
       "data.validation.mask"}};
  size_t count = 0;
  for (int set = 0; set < SET_COUNT; set++) {
    const struct data_options *data = run_data(run, set);
    const char *const paths[] = {data->file, data->labels, data->weights};
    for (int i = 0; i < 3; i++)
      if (run->used[set] && paths[i][0] != '\0') add(list, &count, keys[set][i], paths[i]);
    if (run->used[set] && data->mask[0] != '\0') {
      const char *inner = config_inner_path(data->mask);
      add(list, &count, keys[set][3], data->mask);
      if (*inner != '\0') list[count - 1].path[inner - data->mask - 1] = '\0';
    }
  }
  if (run->config.decoder.file[0] != '\0')
    add(list, &count, "decoder.file", run->config.decoder.file);
  return count;
}

// Of a file, or of all those of a pattern.
static uint64_t print_all(const char *path) {
  size_t count;
  char **list = pattern_list(path, &count);
  uint64_t print = count == 1 ? fingerprint(list[0], 1) : count;
  for (size_t i = 0; count > 1 && i < count; i++) {
    const uint64_t parts[] = {print, fingerprint(list[i], count)};
    print = checksum(parts, sizeof parts, 0);
  }
  pattern_free(&list, count);
  return print;
}

uint64_t given_files_fingerprint(const struct run *run) {
  struct given list[FILES];
  uint64_t prints[FILES] = {0};
  const size_t count = list_files(run, list);
  for (size_t i = 0; i < count; i++) prints[i] = print_all(list[i].path);
  return checksum(prints, sizeof prints, 0);
}

// ---- what a run writes ----

static bool is_restart(const struct given *given) { return strcmp(given->key, "run.restart") == 0; }

static bool is_among(const char *name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

static const char *const outputs[] = {"checkpoint.h5", "checkpoint.h5.prev", "results.h5",
                                      "history.csv",   "summary.json",       "used_parameters.yaml",
                                      "run.lock"};
enum { OUTPUTS = LENGTH(outputs) };

// Whether an entry of the run directory would be destroyed. A run may resume from its own
// checkpoints.
static bool is_written(const char *entry, const struct given *given) {
  const size_t own = is_restart(given) ? 2 : 0;
  return is_among(entry, outputs + own, OUTPUTS - own) || partial_is_of(entry, NULL);
}

static bool same_file(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

static bool is_one_of(const char *path, const char *pattern) {
  size_t count;
  char **list = pattern_list(pattern, &count);
  bool found = false;
  for (size_t i = 0; i < count; i++) found = found || same_file(path, list[i]);
  pattern_free(&list, count);
  return found;
}

static bool check_entry(const char *entry, const char *path, const struct given *given,
                        struct error *error) {
  return !is_written(entry, given) || !is_one_of(path, given->path) ||
         error_set(error,
                   "%s = %s is %s, which this run would overwrite; give another run.directory, or "
                   "use a copy",
                   given->key, given->path, path);
}

// A directory, a device or a dead link in the place of an output.
static bool check_kind(const char *entry, const char *directory, const char *path,
                       struct error *error) {
  struct stat status;
  if (!is_among(entry, outputs, OUTPUTS) || lstat(path, &status) != 0) return true;
  if (stat(path, &status) != 0)
    return error_set(error,
                     "run.directory = %s: %s, which this run would write, is a link to a file that "
                     "does not exist; remove the link, or give another run.directory",
                     directory, path);
  return S_ISREG(status.st_mode) ||
         error_set(error,
                   "run.directory = %s: %s is not a file, but this run would write one of that "
                   "name; move it away, or give another run.directory",
                   directory, path);
}

static bool check_overwriting(const struct run *run, struct error *error) {
  struct given list[FILES + 1];
  size_t count = list_files(run, list);
  const char *directory = run->config.run.directory, *restart = run->config.run.restart;
  if (strcmp(restart, RESTART_AUTO) != 0 && strcmp(restart, RESTART_NEVER) != 0)
    add(list, &count, "run.restart", restart);
  DIR *entries = opendir(directory);
  if (entries == NULL) return true;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char *path = directory_path(directory, entry->d_name);
    check_kind(entry->d_name, directory, path, error);
    for (size_t i = 0; i < count; i++) check_entry(entry->d_name, path, &list[i], error);
    memory_free(&path);
  }
  closedir(entries);
  return !error_is_set(error);
}

static bool is_there(const char *directory, const char *name) {
  struct stat status;
  char *path = directory_path(directory, name);
  const bool there = stat(path, &status) == 0;
  memory_free(&path);
  return there;
}

// One that cannot be read may be a damaged file of a run; in that case, the run has left other
// files.
static bool is_of_a_run(const char *directory, const char *results) {
  struct error ignored = {""};
  char software[32] = "";
  struct h5_file *file = h5_open(results, "results.h5", &ignored);
  if (file == NULL)
    return is_there(directory, "used_parameters.yaml") && is_there(directory, "summary.json");
  h5_read_text(file, "/", "software", software, sizeof software);
  h5_close(&file);
  return strcmp(software, "gfe_hpc") == 0;
}

static bool check_results(const struct run *run, struct error *error) {
  const char *directory = run->config.run.directory;
  char *path = directory_path(directory, "results.h5");
  if (is_there(directory, "results.h5") && !is_of_a_run(directory, path))
    error_set(
        error,
        "run.directory = %s: it contains a %s that was not written by this program and would be "
        "replaced; move it away, or give another run.directory",
        directory, path);
  memory_free(&path);
  return !error_is_set(error);
}

bool given_files_check(const struct run *run, struct error *error) {
  return check_overwriting(run, error) && check_results(run, error);
}
