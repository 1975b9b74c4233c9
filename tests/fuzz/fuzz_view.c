// Views: names of axes, those that number samples, and what is taken of each, of one or two .npy
// files. An input chooses shapes, names and selections, wrong ones among them. What is accepted
// must be what is found here by looking up every number on its own.
#include <string.h>

#include "fuzz_array.h"
#include "ground/memory.h"

enum { AXES = 4, FILES = 2, LENGTH = 4 };

static unsigned choose(struct fuzz_bytes *bytes, unsigned count) {
  return fuzz_next(bytes) % count;
}

static const char *const names[] = {"s", "t", "x", "component", "y", "s", "file", "z"};

// ---- the files ----

// Arrays of shape (lengths[f], shape[1], ...), whose numbers are 1000 f + their place.
struct arrays {
  int axes, files;
  int64_t first[FILES], shape[AXES];
};

static void write_array(const struct arrays *arrays, int f) {
  char text[1024], header[128] = "";
  int64_t total = 1;
  size_t length = 0;
  for (int a = 0; a < arrays->axes; a++) {
    const int64_t held = a == 0 ? arrays->first[f] : arrays->shape[a];
    length += (size_t)snprintf(header + length, sizeof header - length, "%lld, ", (long long)held);
    total *= held;
  }
  int size = snprintf(text + 10, sizeof text - 10,
                      "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n", header);
  memcpy(text, "\x93NUMPY\x01\x00", 8);
  text[8] = (char)size;
  text[9] = 0;
  size += 10;
  char *file = memory_new(char, (size_t)size + (size_t)total * sizeof(double));
  memcpy(file, text, (size_t)size);
  for (int64_t i = 0; i < total; i++) {
    const double number = (double)(1000 * f + i);
    memcpy(file + (size_t)size + (size_t)i * sizeof number, &number, sizeof number);
  }
  fuzz_file(f, file, (size_t)size + (size_t)total * sizeof(double));
  memory_free(&file);
}

static void write_arrays(struct fuzz_bytes *bytes, struct arrays *arrays,
                         struct data_options *options) {
  arrays->axes = 1 + (int)choose(bytes, AXES);
  arrays->files = 1 + (int)choose(bytes, FILES);
  for (int a = 0; a < arrays->axes; a++) arrays->shape[a] = 1 + choose(bytes, LENGTH);
  for (int f = 0; f < arrays->files; f++) {
    arrays->first[f] = arrays->shape[0] + (f > 0 ? choose(bytes, 2) : 0);
    write_array(arrays, f);
  }
  snprintf(options->file, sizeof options->file, "%s", fuzz_file(3, "", 0));
  char *end = options->file + strlen(options->file) - 1;
  *end = arrays->files > 1 ? '?' : '0';
  if (arrays->files > 1) strcpy(end, "[01]");
}

// ---- what is asked for ----

static void add_name(struct config_names *list, const char *name) {
  snprintf(list->name[list->count++], CONFIG_NAME, "%s", name);
}

static void choose_options(struct fuzz_bytes *bytes, const struct arrays *arrays,
                           struct data_options *options) {
  const unsigned more = choose(bytes, 8);
  const int named = arrays->axes + (more == 7 ? 1 : 0);
  for (int a = 0; a < named; a++) {
    const char *name = names[((unsigned)a + (fuzz_next(bytes) & 7)) % 8];
    bool given = false;  // twice: config_check() sees to that
    for (int64_t i = 0; i < options->axes.count; i++)
      given = given || strcmp(options->axes.name[i], name) == 0;
    char other[8];
    snprintf(other, sizeof other, "a%d", a);
    add_name(&options->axes, given ? other : name);
  }
  for (unsigned k = choose(bytes, 3); k > 0; k--) {
    const char *name =
        choose(bytes, 8) == 7 ? "file" : options->axes.name[choose(bytes, (unsigned)named)];
    bool there = false;
    for (int64_t i = 0; i < options->samples.count; i++)
      there = there || strcmp(options->samples.name[i], name) == 0;
    if (!there) add_name(&options->samples, name);
  }
  for (int a = 0; a < named && options->select.count < CONFIG_AXES; a++) {
    const unsigned how = choose(bytes, 4);
    if (how == 0) continue;
    struct config_axis *axis = &options->select.axis[options->select.count++];
    snprintf(axis->axis, sizeof axis->axis, "%s", options->axes.name[a]);
    axis->single = how == 3;
    axis->first = choose(bytes, LENGTH);
    axis->count = how == 2 ? choose(bytes, LENGTH) : 0;
    axis->stride = how == 2 ? 1 + choose(bytes, 3) : 1;
  }
}

// ---- what should come ----

// An axis as it is meant: of the array (or of the files, at = -1), and the places taken.
struct meant {
  int at;
  int64_t first, count, stride;
};

static struct meant mean_axis(const struct arrays *arrays, const struct data_options *options,
                              const char *name, bool along) {
  struct meant axis = {.at = -1, .count = arrays->files, .stride = 1};
  for (int a = 0; a < arrays->axes; a++)
    if (strcmp(options->axes.name[a], name) == 0) axis.at = a;
  if (axis.at >= 0) axis.count = arrays->shape[axis.at];
  if (axis.at == 0) axis.count = arrays->first[0];
  if (axis.at >= 0 && along && arrays->files > 1)
    axis.count += axis.at == 0 ? arrays->first[1] : arrays->shape[axis.at];
  for (int64_t i = 0; i < options->select.count; i++) {
    const struct config_axis *wanted = &options->select.axis[i];
    if (strcmp(wanted->axis, name) != 0) continue;
    axis.first = wanted->first;
    axis.stride = wanted->stride;
    axis.count = (axis.count - 1 - axis.first) / axis.stride + 1;
    if (wanted->single || wanted->count > 0) axis.count = wanted->single ? 1 : wanted->count;
  }
  return axis;
}

static bool is_among(const struct config_names *list, const char *name) {
  for (int64_t i = 0; i < list->count; i++)
    if (strcmp(list->name[i], name) == 0) return true;
  return false;
}

static bool is_single(const struct data_options *options, const char *name) {
  for (int64_t i = 0; i < options->select.count; i++)
    if (strcmp(options->select.axis[i].axis, name) == 0) return options->select.axis[i].single;
  return false;
}

// The numbering axes, slowest first, then components, then space; the rest is one place.
static int order_axes(const struct arrays *arrays, const struct data_options *options,
                      struct meant axes[AXES + 1], int *numbering) {
  struct config_names *samples = memory_new(struct config_names, 1);
  *samples = options->samples;
  int count = 0;
  for (int a = 0; a < arrays->axes && samples->count == 0; a++) {
    const char *name = options->axes.name[a];
    if (strcmp(name, "component") != 0 && !is_single(options, name)) add_name(samples, name);
  }
  const bool by_file = is_among(samples, "file") && !is_among(&options->axes, "file");
  for (int64_t i = 0; i < samples->count; i++)
    axes[count++] = mean_axis(arrays, options, samples->name[i], i == 0 && !by_file);
  *numbering = count;
  for (int pass = 0; pass < 2; pass++) {
    for (int a = 0; a < arrays->axes; a++) {
      const char *name = options->axes.name[a];
      const bool component = strcmp(name, "component") == 0;
      if (component == (pass == 0) && !is_among(samples, name))
        axes[count++] = mean_axis(arrays, options, name, false);
    }
  }
  memory_free(&samples);
  return count;
}

// The number at a place along each axis.
static double number_at(const struct arrays *arrays, const struct meant *axes, int count,
                        const int64_t *place) {
  int64_t in[AXES] = {0}, file = 0, at = 0;
  for (int k = 0; k < count; k++) {
    const int64_t found = axes[k].first + place[k] * axes[k].stride;
    if (axes[k].at < 0)
      file = found;
    else
      in[axes[k].at] = found;
  }
  for (int k = 0; k < count; k++) {  // files follow each other along the first of these axes
    if (k > 0 || axes[0].at < 0 || arrays->files == 1) break;
    const int a = axes[0].at;
    const int64_t held = a == 0 ? arrays->first[0] : arrays->shape[a];
    bool by_file = false;
    for (int j = 0; j < count; j++) by_file = by_file || axes[j].at < 0;
    if (!by_file && in[a] >= held) {
      file = 1;
      in[a] -= held;
    }
  }
  for (int a = 0; a < arrays->axes; a++)
    at = at * (a == 0 ? arrays->first[file] : arrays->shape[a]) + in[a];
  return (double)(1000 * file + at);
}

// A field with one axis less has no component.
static void leave_out_component(const struct arrays *arrays, struct config_names *list) {
  if (list->count == arrays->axes) return;
  int64_t kept = 0;
  for (int64_t i = 0; i < list->count; i++)
    if (strcmp(list->name[i], "component") != 0)
      memmove(list->name[kept++], list->name[i], CONFIG_NAME);
  FUZZ_CHECK(kept == arrays->axes && kept < list->count, "a name too many");
  list->count = kept;
}

static void check(const struct arrays *arrays, const struct data_options *options,
                  const struct dataset *dataset) {
  struct meant axes[AXES + 1];
  int numbering;
  const int count = order_axes(arrays, options, axes, &numbering);
  int64_t samples = 1, entries = 1;
  for (int k = 0; k < count; k++) *(k < numbering ? &samples : &entries) *= axes[k].count;
  FUZZ_CHECK(dataset->count == samples && dataset->n == (size_t)entries,
             "%lld samples of %zu, not %lld of %lld", (long long)dataset->count, dataset->n,
             (long long)samples, (long long)entries);
  for (int64_t i = 0; i < samples * entries; i++) {
    int64_t place[AXES + 1], rest = i;
    for (int k = count; k-- > 0; rest /= axes[k].count) place[k] = rest % axes[k].count;
    const double expected = number_at(arrays, axes, count, place);
    const real found = dataset->y[(size_t)(i / entries) * dataset->stride + (size_t)(i % entries)];
    FUZZ_CHECK((double)found == expected, "sample %lld, entry %lld is %g, not %g",
               (long long)(i / entries), (long long)(i % entries), (double)found, expected);
    FUZZ_CHECK(dataset->group[i / entries] == axes[0].first + place[0] * axes[0].stride, "group");
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct data_options options;
  struct fuzz_bytes bytes = {data, size};
  struct arrays arrays = {0};
  memset(&options, 0, sizeof options);
  write_arrays(&bytes, &arrays, &options);
  choose_options(&bytes, &arrays, &options);
  const struct dataset_rules rules = {.loss = LOSS_MSE};
  struct dataset *dataset = fuzz_dataset(&options, &rules);
  if (dataset == NULL) return 0;
  leave_out_component(&arrays, &options.axes);
  check(&arrays, &options, dataset);
  dataset_destroy(&dataset);
  return 0;
}
