// Views: names of axes, those that number samples, and selections along each, for one or two .npy
// files, with a mask, weights or labels in a separate file. An input chooses shapes, names and
// selections, some of them wrong. What is accepted must equal what is found here by looking up
// every number individually.
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

// Writes number(f, place) at every place of an array; returns the path.
static const char *write_npy(int f, int axes, const int64_t *shape,
                             double (*number)(int f, int64_t place)) {
  char text[1024], header[128] = "";
  int64_t total = 1;
  size_t length = 0;
  for (int a = 0; a < axes; a++) {
    length +=
        (size_t)snprintf(header + length, sizeof header - length, "%lld, ", (long long)shape[a]);
    total *= shape[a];
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
    const double value = number(f, i);
    memcpy(file + (size_t)size + (size_t)i * sizeof value, &value, sizeof value);
  }
  const char *path = fuzz_file(f, file, (size_t)size + (size_t)total * sizeof(double));
  memory_free(&file);
  return path;
}

static double number_in(int f, int64_t place) { return (double)(1000 * f + place); }

static void write_array(const struct arrays *arrays, int f) {
  int64_t shape[AXES];
  memcpy(shape, arrays->shape, sizeof shape);
  shape[0] = arrays->first[f];
  write_npy(f, arrays->axes, shape, number_in);
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

// A mask, weights or labels: an array whose axes are some of those of the samples.
struct companion {
  enum { NONE, MASK, WEIGHTS, LABELS } kind;
  int axes;
  int64_t shape[AXES + 1];
};

static double number_of(int kind, int64_t place) {
  return kind == MASK      ? (double)(place % 3 == 1)
         : kind == WEIGHTS ? (double)(place % 4) / 2.0
                           : (double)place;
}

static int64_t companion_size(const struct companion *companion) {
  int64_t total = 1;
  for (int a = 0; a < companion->axes; a++) total *= companion->shape[a];
  return total;
}

static double mask_in(int f, int64_t place) { return (void)f, number_of(MASK, place); }
static double weight_in(int f, int64_t place) { return (void)f, number_of(WEIGHTS, place); }
static double label_in(int f, int64_t place) { return (void)f, number_of(LABELS, place); }

static void write_companion(struct fuzz_bytes *bytes, const struct arrays *arrays,
                            struct data_options *options, struct companion *companion) {
  enum { COMPANION = 2, WRONG = 8 };
  double (*const numbers[])(int, int64_t) = {NULL, mask_in, weight_in, label_in};
  companion->kind = choose(bytes, 4);
  if (companion->kind == NONE) return;
  const unsigned kept = ~fuzz_next(bytes), wrong = choose(bytes, WRONG);
  for (int a = 0; a < arrays->axes; a++) {
    int64_t held = a == 0 ? arrays->first[0] : arrays->shape[a];
    if (a == 0 && arrays->files > 1 && kept >> 7 & 1) held += arrays->first[1];
    if (kept >> a & 1) companion->shape[companion->axes++] = held + (wrong == (unsigned)a + 1);
  }
  if (wrong == WRONG - 1) companion->shape[companion->axes++] = 1;
  char *const paths[] = {NULL, options->mask, options->weights, options->labels};
  snprintf(paths[companion->kind], CONFIG_TEXT, "%s",
           write_npy(COMPANION, companion->axes, companion->shape, numbers[companion->kind]));
}

// ---- what should come ----

// An axis as it is meant: of the array (or of the files, at = -1), and the places taken.
struct meant {
  int at;
  int64_t held, first, count, stride;
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
  axis.held = axis.count;
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

// ---- a companion ----

// How axes of a companion lie along the axes of the samples (-1: along none, of length 1).
struct placing {
  const struct companion *companion;
  const struct dataset *dataset;
  const struct meant *axes;
  int count, numbering, along[AXES + 1];
};

// Whether the numbers of sample `i`, entry `j` come from place `at` of the companion.
static bool agrees(const struct placing *p, int64_t i, int64_t j, int64_t at) {
  const double number = number_of(p->companion->kind, at);
  if (p->companion->kind == LABELS) return p->dataset->real_label[i] == number;
  const real *w = p->dataset->w;
  const double weight = w == NULL ? 1.0 : (double)w[(size_t)i * p->dataset->stride + (size_t)j];
  return weight == (p->companion->kind == MASK ? (double)(number == 0.0) : number);
}

// Entry by entry, or in each of several channels; labels sample by sample.
static bool is_sample(const struct placing *p) {
  const int64_t n = (int64_t)p->dataset->n, total = companion_size(p->companion);
  for (int64_t i = 0; i < p->dataset->count; i++)
    for (int64_t j = 0; j < n; j++)
      if (!agrees(p, i, j, p->companion->kind == LABELS ? p->dataset->index[i] : j % total))
        return false;
  return true;
}

static bool is_placed(const struct placing *p) {
  const int64_t n = (int64_t)p->dataset->n;
  for (int64_t i = 0; i < p->dataset->count * n; i++) {
    int64_t found[AXES + 2] = {0}, rest = i, at = 0;
    for (int k = p->count; k-- > 0; rest /= p->axes[k].count)
      found[k] = p->axes[k].first + rest % p->axes[k].count * p->axes[k].stride;
    for (int a = 0; a < p->companion->axes; a++)
      at = at * p->companion->shape[a] + (p->along[a] >= 0 ? found[p->along[a]] : 0);
    if (!agrees(p, i / n, i % n, at)) return false;
  }
  return true;
}

// Whether there is a way to place axes [a, ...) that explains the numbers.
static bool can_be_placed(struct placing p, int a) {
  if (a > AXES || a == p.companion->axes) return is_placed(&p);
  if (p.companion->shape[a] == 1) {
    p.along[a] = -1;
    if (can_be_placed(p, a + 1)) return true;
  }
  for (int k = 0; k < (p.companion->kind == LABELS ? p.numbering : p.count); k++) {
    bool used = p.axes[k].held != p.companion->shape[a];
    for (int b = 0; b < a; b++) used = used || p.along[b] == k;
    p.along[a] = k;
    if (!used && can_be_placed(p, a + 1)) return true;
  }
  return false;
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
                  const struct companion *companion, const struct dataset *dataset) {
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
    const size_t at = (size_t)(i / entries) * dataset->stride + (size_t)(i % entries);
    const bool counts = dataset->w == NULL || dataset->w[at] > 0;
    const double expected = counts ? number_at(arrays, axes, count, place) : 0.0;
    const real found = dataset->y[at];
    FUZZ_CHECK((double)found == expected, "sample %lld, entry %lld is %g, not %g",
               (long long)(i / entries), (long long)(i % entries), (double)found, expected);
    FUZZ_CHECK(dataset->group[i / entries] == axes[0].first + place[0] * axes[0].stride, "group");
  }
  const struct placing placing = {companion, dataset, axes, count, numbering, {0}};
  FUZZ_CHECK(companion->kind == NONE || is_sample(&placing) || can_be_placed(placing, 0),
             "a companion of kind %d is of other places", companion->kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct data_options options;
  struct fuzz_bytes bytes = {data, size};
  struct arrays arrays = {0};
  struct companion companion = {NONE, 0, {0}};
  memset(&options, 0, sizeof options);
  write_arrays(&bytes, &arrays, &options);
  choose_options(&bytes, &arrays, &options);
  write_companion(&bytes, &arrays, &options, &companion);
  const struct dataset_rules rules = {.loss = LOSS_MSE};
  struct dataset *dataset = fuzz_dataset(&options, &rules);
  if (dataset == NULL) return 0;
  leave_out_component(&arrays, &options.axes);
  check(&arrays, &options, &companion, dataset);
  dataset_destroy(&dataset);
  return 0;
}
