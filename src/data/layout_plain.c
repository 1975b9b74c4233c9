// An HDF5 file with no known layout. Samples are numbered by the first axis; the labels of axes
// (HDF5's dimension scales), if any, are their names.
#include <stdio.h>

#include "data/layout_internal.h"

static bool matches(const struct layout_request *request) {
  (void)request;
  return true;
}

static void find(const struct layout_request *request, struct layout_paths *paths) {
  (void)request, (void)paths;  // there is no way to know which datasets are meant
}

static bool describe(const struct layout_request *request, const char *path,
                     struct layout_array *array, struct error *error) {
  (void)error;
  for (int a = 0; a < array->axes; a++) {
    struct h5_axis found;
    char number[VIEW_TEXT];
    snprintf(number, sizeof number, "axis_%d", a - 1);
    const bool labelled = h5_read_axis(request->file, path, a, &found) && found.label[0] != '\0';
    layout_name_axis(&array->axis[a],
                     labelled ? found.label
                     : a == 0 ? "sample"
                              : number,
                     AXIS_SPACE);
  }
  layout_guess_roles(request->file, array, 0);
  return true;
}

const struct layout_ops layout_plain = {
    .key = "plain", .name = "plain", .matches = matches, .find = find, .describe = describe};
