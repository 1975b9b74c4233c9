// Prints what data/layout and data/packing find in an HDF5 file, for tests/program/test_layouts.py:
//
//   layout_driver FILE KIND [FIELD...]      the layout, and all numbers of its arrays, unpacked
//   layout_driver FILE block DATASET START:STRIDE:COUNT...      numbers of one block
//   layout_driver FILE packing DATASET      its numbers, unpacked
//
// A refusal is printed after "error: ".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/layout.h"
#include "ground/memory.h"
#include "platform/h5.h"

static void print_numbers(const char *name, const double *values, size_t count) {
  printf("%s", name);
  for (size_t i = 0; i < count; i++) printf(" %.17g", values[i]);
  printf("\n");
}

static bool print_block(struct h5_file *file, const char *name, const char *dataset, int axes,
                        const int64_t *start, const int64_t *stride, const int64_t *count,
                        const struct packing *packing, struct error *error) {
  size_t total = 1;
  for (int a = 0; a < axes; a++) total *= (size_t)count[a];
  double *values = memory_new(double, total);
  const bool good = h5_read_block(file, dataset, axes, start, stride, count, values, error);
  if (good) {
    packing_apply(packing, total, values);
    print_numbers(name, values, total);
  }
  memory_free(&values);
  return good;
}

static bool print_all(struct h5_file *file, const char *name, const char *dataset,
                      const struct packing *packing, struct error *error) {
  const int64_t start[H5_AXES] = {0};
  int64_t stride[H5_AXES], shape[H5_AXES];
  int axes = 0;
  for (int a = 0; a < H5_AXES; a++) stride[a] = 1;
  return h5_shape(file, dataset, "key", &axes, shape, error) &&
         print_block(file, name, dataset, axes, start, stride, shape, packing, error);
}

static bool block(struct h5_file *file, int count, char **words, struct error *error) {
  int64_t start[H5_AXES], stride[H5_AXES], number[H5_AXES];
  for (int a = 0; a < count - 1; a++) {
    char *end = words[a + 1];
    start[a] = strtoll(end, &end, 10);
    stride[a] = strtoll(end + 1, &end, 10);
    number[a] = strtoll(end + 1, &end, 10);
  }
  const struct packing none = packing_none();
  return print_block(file, "values", words[0], count - 1, start, stride, number, &none, error);
}

static bool unpack(struct h5_file *file, const char *dataset, struct error *error) {
  struct packing packing;
  return h5_check_sources(file, dataset, "key", error) &&
         packing_read(file, dataset, "key", &packing, error) &&
         print_all(file, "values", dataset, &packing, error);
}

// ---- layouts ----

static void print_axis(struct h5_file *file, const struct layout_axis *axis) {
  static const char *const roles[] = {"sample", "time", "space", "component"};
  printf("axis|%s|%s|%lld|%s|%s\n", axis->name, roles[axis->role], (long long)axis->length,
         axis->units, axis->standard_name);
  double *coordinates = layout_coordinates(file, axis);
  if (coordinates != NULL) print_numbers("coordinates", coordinates, (size_t)axis->length);
  memory_free(&coordinates);
}

static bool print_layout(struct h5_file *file, const char *kind, int fields,
                         const char *const *field, struct error *error) {
  struct layout layout;
  if (!layout_recognise(file, kind, "key", fields, field, &layout, error)) return false;
  printf("layout|%s|%lld|%s\n", layout.name, (long long)layout.groups,
         layout.reversed ? "reversed" : "");
  bool good = true;
  for (int i = 0; good && i < layout.count; i++) {
    const struct layout_array *array = &layout.array[i];
    printf("array|%s|%s|%s|%s\n", array->path, array->name, array->units, array->standard_name);
    for (int a = 0; a < array->axes; a++) print_axis(file, &array->axis[a]);
    for (int64_t g = 0; good && g < (layout.groups > 0 ? layout.groups : 1); g++) {
      char path[CONFIG_TEXT];
      layout_path(&layout, array, g, path);
      good = print_all(file, "values", path, &array->packing, error);
    }
  }
  layout_free(&layout);
  return good;
}

int main(int argc, char **argv) {
  struct error error = {""};
  struct h5_file *file = argc > 2 ? h5_open(argv[1], "key", &error) : NULL;
  if (file == NULL) {
    printf("error: %s\n", argc > 2 ? error.text : "FILE KIND ...");
    return 1;
  }
  const char *kind = argv[2];
  const char *const *words = (const char *const *)argv + 3;
  bool good = false;
  if (strcmp(kind, "block") == 0)
    good = block(file, argc - 3, argv + 3, &error);
  else if (strcmp(kind, "packing") == 0)
    good = unpack(file, argv[3], &error);
  else
    good = print_layout(file, kind, argc - 3, words, &error);
  if (!good) printf("error: %s\n", error.text);
  h5_close(&file);
  return good ? 0 : 1;
}
