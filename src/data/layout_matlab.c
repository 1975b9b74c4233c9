// MATLAB's .mat files from version 7.3 on. In MATLAB's arrays the first index varies fastest, so
// their axes are reversed in the file. Samples are numbered by the first axis in MATLAB's order.
#include <stdio.h>
#include <string.h>

#include "data/layout_internal.h"
#include "ground/memory.h"
#include "ground/text.h"

static bool read_class(struct h5_file *file, const char *path, char class[H5_NAME]) {
  return h5_read_texts(file, path, "MATLAB_class", 1, (char(*)[H5_NAME]) class) == 1;
}

static bool is_numeric(const char *class) {
  return !text_same_word(class, "char") && !text_same_word(class, "logical");
}

static void list(struct h5_file *file, struct layout_paths *paths) {
  char class[H5_NAME];
  struct layout_paths all = {0};
  layout_root_paths(file, 2, &all);
  for (int64_t i = 0; i < all.count; i++)
    if (read_class(file, all.path[i], class) && is_numeric(class))
      layout_add_path(paths, all.path[i]);
  memory_free(&all.path);
}

// A vector is a matrix with a single row or column.
static bool is_vector(struct h5_file *file, const char *path) {
  int64_t shape[H5_AXES];
  return layout_shape(file, path, shape) == 2 && (shape[0] <= 1 || shape[1] <= 1);
}

static bool matches(const struct layout_request *request) {
  char class[H5_NAME];
  for (int i = 0; i < request->fields; i++)
    if (read_class(request->file, request->field[i], class)) return true;
  if (request->fields > 0) return false;
  struct layout_paths paths = {0};
  list(request->file, &paths);
  const bool found = paths.count > 0;
  memory_free(&paths.path);
  return found;
}

static void find(const struct layout_request *request, struct layout_paths *paths) {
  struct layout_paths all = {0};
  list(request->file, &all);
  for (int64_t i = 0; i < all.count; i++)
    if (!is_vector(request->file, all.path[i])) layout_add_path(paths, all.path[i]);
  memory_free(&all.path);
  layout_keep_largest(request->file, paths);
}

static bool describe(const struct layout_request *request, const char *path,
                     struct layout_array *array, struct error *error) {
  char class[H5_NAME] = "";
  read_class(request->file, path, class);
  if (!is_numeric(class))
    return error_set(error,
                     "%s: %s in %s is an array of MATLAB's class %s; fields are numbers: save "
                     "double(%s)",
                     request->key, path, h5_path(request->file), class, array->name);
  if (h5_has_attribute(request->file, path, "MATLAB_empty"))
    return error_set(error, "%s: %s in %s is empty in MATLAB", request->key, path,
                     h5_path(request->file));
  for (int a = 0; a < array->axes; a++) {
    char number[VIEW_TEXT];
    const int place = array->axes - 1 - a;  // as MATLAB counts, from 0
    snprintf(number, sizeof number, "axis_%d", place - 1);
    layout_name_axis(&array->axis[a], place == 0 ? "sample" : number,
                     place == 0 ? AXIS_SAMPLE : AXIS_SPACE);
  }
  return true;
}

const struct layout_ops layout_matlab = {
    .key = "matlab", .name = "MATLAB", .matches = matches, .find = find, .describe = describe};
