#define _POSIX_C_SOURCE 200809L  // stat(), access()

#include "input/config_paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground/pattern.h"
#include "ground/text.h"
#include "input/config_fields.h"

bool config_section_is_used(const struct config *config, const char *section) {
  if (strcmp(section, "data.train") == 0)
    return config->run.task[TASK_TRAIN] || config->run.task[TASK_GRADIENT_CHECK];
  if (strcmp(section, "data.test") == 0) return config->run.task[TASK_EVALUATE];
  if (strcmp(section, "data.encode") == 0) return config->run.task[TASK_ENCODE];
  if (strcmp(section, "data.validation") == 0) return config->run.task[TASK_TRAIN];
  return true;
}

// The path beside the input file, or an empty text if it is the same, or too long to be one.
static void beside_input(const char *input_path, const char *path, char beside[CONFIG_TEXT]) {
  const char *slash = strrchr(input_path, '/');
  const size_t directory = slash != NULL ? (size_t)(slash - input_path) + 1 : 0;
  beside[0] = '\0';
  if (path[0] == '/' || directory == 0 || directory + strlen(path) >= CONFIG_TEXT) return;
  memcpy(beside, input_path, directory);
  strcpy(beside + directory, path);
}

// Expands ~ and variables as the user's shell would.
static bool expand(const struct config_input *input, const struct config_place *place,
                   char path[CONFIG_TEXT]) {
  char expanded[CONFIG_TEXT];
  struct error reason = {""};
  if (!text_expand_path(path, expanded, sizeof expanded, &reason))
    return config_complain(place, input->error, "%s", reason.text);
  strcpy(path, expanded);
  return true;
}

// Resolves the path of a file, in place. A missing file is an error, with a hint at its end, only
// if it is required.
static bool find_file(const struct config_input *input, const struct config_place *place,
                      bool required, const char *hint, char path[CONFIG_TEXT]) {
  struct stat status;
  char beside[CONFIG_TEXT];
  beside_input(input->path, path, beside);
  if (stat(path, &status) != 0) {
    const char *reason = strerror(errno);
    if (beside[0] == '\0' || stat(beside, &status) != 0)
      return !required || config_complain(place, input->error, "%s (tried %s%s%s)%s", reason, path,
                                          beside[0] != '\0' ? " and " : "", beside, hint);
    strcpy(path, beside);
  }
  if (!required) return true;
  const bool data = strncmp(place->key, "data.", 5) == 0;  // which formats can be directories
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
    return config_complain(place, input->error,
                           "%s is not a regular file: pipes and devices cannot be read from any "
                           "place and by all ranks; write the data to a file%s",
                           path, hint);
  if (S_ISDIR(status.st_mode) && !data)
    return config_complain(place, input->error, "%s is a directory; a file is needed%s", path,
                           hint);
  if (access(path, R_OK) != 0)
    return config_complain(place, input->error, "cannot read %s: %s%s", path, strerror(errno),
                           hint);
  return true;
}

// As find_file() for a pattern: some file must match, here or beside the input file.
static bool find_files(const struct config_input *input, const struct config_place *place,
                       char path[CONFIG_TEXT]) {
  char beside[CONFIG_TEXT];
  beside_input(input->path, path, beside);
  if (pattern_matches(path)) return true;
  if (beside[0] != '\0' && pattern_matches(beside)) {
    strcpy(path, beside);
    return true;
  }
  return config_complain(place, input->error,
                         "no file matches the pattern %s%s%s; give one that does, from the current "
                         "directory or that of the input file",
                         path, beside[0] != '\0' ? ", nor " : "", beside);
}

// Whether labels and weights are paths inside of the HDF5 file, or names of axes: those of a
// section that says what is in its file.
static bool are_inside(const struct config_input *input, const char *section) {
  static const char *const keys[] = {"dataset", "fields", "axes", "samples", "select"};
  char key[64];
  for (size_t i = 0; i < LENGTH(keys); i++) {
    snprintf(key, sizeof key, "%s.%s", section, keys[i]);
    if (config_key_is_given(input, key)) return true;
  }
  return false;
}

// Resolves the file of FILE or FILE:/path, in place; with `dataset`, a text that is not a file is a
// path inside the samples' file.
static bool find_mask(const struct config_input *input, const struct config_place *place,
                      bool required, bool may_be_inside, char text[CONFIG_TEXT]) {
  char file[CONFIG_TEXT];
  const char *path = config_inner_path(text);
  const size_t length = (size_t)(path - text) - (*path != '\0');
  memcpy(file, text, length);
  file[length] = '\0';
  const bool inside = may_be_inside && *path == '\0';
  if (!find_file(input, place, required && !inside, "", file)) return false;
  char joined[2 * CONFIG_TEXT + 1];
  const int written =
      snprintf(joined, sizeof joined, "%s%s%s", file, *path != '\0' ? ":" : "", path);
  if (written >= CONFIG_TEXT)
    return config_complain(place, input->error, "must be shorter than %d bytes", CONFIG_TEXT);
  memcpy(text, joined, (size_t)written + 1);
  return true;
}

static bool check_files(const struct config_input *input, struct config *config) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    const char *section = parameter.section->name;
    const enum config_type type = parameter.row->type;
    const bool file = type == TYPE_FILE || type == TYPE_FILES ||
                      (type == TYPE_FILE_OR_INSIDE && !are_inside(input, section));
    if (!file && type != TYPE_DIRECTORY && type != TYPE_MASK) continue;
    char *path = (char *)config + config_parameter_offset(&parameter);
    const struct config_place place = config_place_of(input, parameter.key);
    if (!expand(input, &place, path)) return false;
    const bool required = config_section_is_used(config, section);
    const char *hint =
        type == TYPE_FILE_OR_INSIDE
            ? "; a path inside an HDF5 file needs the key dataset or fields beside it"
            : "";
    if (type == TYPE_FILES && pattern_is(path)) {
      if (required && !find_files(input, &place, path)) return false;
      continue;
    }
    if (type == TYPE_MASK && path[0] != '\0' &&
        !find_mask(input, &place, required, are_inside(input, section), path))
      return false;
    if (!file) continue;
    if (path[0] != '\0' && !find_file(input, &place, required, hint, path)) return false;
  }
  return true;
}

// A checkpoint to start from must exist; `auto` and `never` are not files.
static bool check_restart(const struct config_input *input, struct config *config) {
  static const char *const words[] = {RESTART_AUTO, RESTART_NEVER};
  char *restart = config->run.restart, hint[128];
  if (strcmp(restart, words[0]) == 0 || strcmp(restart, words[1]) == 0) return true;
  const char *nearest = error_nearest(restart, words, 2);
  snprintf(hint, sizeof hint, "; must be %s, %s or the path of a checkpoint%s%s%s", words[0],
           words[1], nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
           nearest != NULL ? "?" : "");
  const struct config_place place = config_place_of(input, "run.restart");
  return expand(input, &place, restart) && find_file(input, &place, true, hint, restart);
}

bool config_paths_settle(const struct config_input *input, struct config *config) {
  return check_files(input, config) && check_restart(input, config);
}
