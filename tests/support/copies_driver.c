// Makes copies for test_copies_scipy.py: options and samples come as text on standard input; the
// maps that were drawn and the copies go to standard output.
#include <stdio.h>
#include <stdlib.h>

#include "data/copies.h"
#include "ground/memory.h"

static double read_number(void) {
  double number;
  if (scanf("%lf", &number) != 1) {
    fprintf(stderr, "the input lacks a number\n");
    exit(1);
  }
  return number;
}

// The axes for which 1 is given.
static void read_axes(const struct view *view, struct config_names *names) {
  for (int a = 0; a < view->space_axes; a++)
    if (read_number() != 0.0)
      snprintf(names->name[names->count++], CONFIG_NAME, "%s", view->space[a].name);
}

static void read_rows(const struct dataset *data, real *rows) {
  for (int64_t i = 0; i < data->local_count; i++)
    for (size_t j = 0; j < data->n; j++) rows[(size_t)i * data->stride + j] = (real)read_number();
}

static void print_map(const struct view *view, const struct copy_map *map) {
  for (int a = 0; a < view->space_axes; a++)
    for (int b = 0; b < view->space_axes; b++) printf(" %.17g", map->matrix[a][b]);
  for (int a = 0; a < view->space_axes; a++) printf(" %.17g", map->offset[a]);
  for (int a = 0; a < view->space_axes; a++) printf(" %d", map->reflected[a]);
  for (int a = 0; a < view->space_axes; a++) printf(" %lld", (long long)map->roll[a]);
  printf("\n");
}

static void print_row(const struct dataset *data, const real *rows, int64_t i) {
  for (size_t j = 0; j < data->n; j++) printf(" %.17g", (double)rows[(size_t)i * data->stride + j]);
  printf("\n");
}

int main(void) {
  struct config_copies *options = memory_new(struct config_copies, 1);
  options->outside = (enum outside)read_number();
  options->shift = read_number();
  options->scale = read_number();
  options->rotation = read_number();
  const int axes = (int)read_number();
  int64_t shape[VIEW_AXES];
  for (int a = 0; a < axes; a++) shape[a] = (int64_t)read_number();
  struct dataset data = {.local_count = 0};
  const int64_t channels = (int64_t)read_number();
  data.local_count = data.count = (int64_t)read_number();
  const bool weighted = read_number() != 0.0;
  struct view *view = view_plain("value", data.count, axes, shape);
  view->channels = channels;
  read_axes(view, &options->reflect);
  read_axes(view, &options->periodic);

  data.n = view_entries(view);
  data.stride = real_padded(data.n);
  data.y = memory_new(real, (size_t)data.count * data.stride);
  read_rows(&data, data.y);
  if (weighted) data.w = memory_new(real, (size_t)data.count * data.stride);
  if (weighted) read_rows(&data, data.w);
  data.weight_sum = memory_new(double, data.count);
  data.index = memory_new(int64_t, data.count);
  for (int64_t i = 0; i < data.count; i++) {
    data.index[i] = 3 * i;
    for (size_t j = 0; j < data.n; j++)
      data.weight_sum[i] += weighted ? (double)data.w[(size_t)i * data.stride + j] : 1.0;
  }

  struct error error = {""};
  if (!copies_check(options, view, &error)) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  struct copies *copies = copies_create(options, view, &data, 5);
  for (int64_t pass = 0; pass < 2; pass++) {
    const struct dataset *copy = copies_of_pass(copies, pass);
    for (int64_t i = 0; i < data.count; i++) {
      const struct copy_map map = copies_map(copies, data.index[i], pass);
      print_map(view, &map);
      print_row(copy, copy->y, i);
      if (weighted) print_row(copy, copy->w, i);
      printf("%.17g\n", copy->weight_sum[i]);
    }
  }
  copies_destroy(&copies);
  view_destroy(&view);
  memory_free(&options);
  memory_free(&data.y);
  memory_free(&data.w);
  memory_free(&data.weight_sum);
  memory_free(&data.index);
  return 0;
}
