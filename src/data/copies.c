#include "data/copies.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"
#include "ground/text.h"
#include "numerics/portable.h"

struct copies {
  const struct config_copies *options;
  const struct dataset *data;
  uint64_t seed;
  size_t channels, points;  // points of a channel
  int axes;
  int64_t size[VIEW_AXES];
  bool moves[VIEW_AXES];  // axes of more than one point that are not periodic
  bool reflects[VIEW_AXES], rolls[VIEW_AXES];
  int plane[2];         // the axes of the plane of rotation; -1: none
  struct dataset copy;  // owns y, w and weight_sum; the rest is that of `data`
};

// ---- what the options ask for ----

static int find_axis(const struct view *view, const char *name) {
  for (int a = 0; a < view->space_axes; a++)
    if (strcmp(view->space[a].name, name) == 0) return a;
  return -1;
}

// The last two axes of more than one point; -1 where there are fewer.
static void find_plane(const struct view *view, int plane[2]) {
  int found = 2;
  plane[0] = plane[1] = -1;
  for (int a = view->space_axes - 1; a >= 0 && found > 0; a--)
    if (view->space[a].length > 1) plane[--found] = a;
}

static bool check_names(const struct view *view, const char *key, const struct config_names *names,
                        struct error *error) {
  const char *known[VIEW_AXES];
  char list[512] = "";
  for (int a = 0; a < view->space_axes; a++) known[a] = view->space[a].name;
  text_append_names(list, sizeof list, known, (size_t)view->space_axes);
  for (int64_t i = 0; i < names->count; i++) {
    if (find_axis(view, names->name[i]) >= 0) continue;
    const char *nearest = error_nearest(names->name[i], known, (size_t)view->space_axes);
    return error_set(error,
                     "training.copies.%s: a sample of data.train has no axis %s, but %s%s%s%s", key,
                     names->name[i], list, nearest != NULL ? "; did you mean " : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
  }
  return true;
}

bool copies_check(const struct config_copies *options, const struct view *view,
                  struct error *error) {
  int plane[2];
  find_plane(view, plane);
  if (plane[1] < 0)
    return error_set(error,
                     "training.copies: a sample of data.train has no spatial axis along which it "
                     "could be transformed; leave it out");
  if (options->rotation > 0.0 && plane[0] < 0)
    return error_set(error,
                     "training.copies.rotation: needs samples with two spatial axes, but those of "
                     "data.train have only %s; leave it out",
                     view->space[plane[1]].name);
  return check_names(view, "reflect", &options->reflect, error) &&
         check_names(view, "periodic", &options->periodic, error);
}

struct copies *copies_create(const struct config_copies *options, const struct view *view,
                             const struct dataset *data, uint64_t seed) {
  assert(view_entries(view) == data->n);
  struct copies *copies = memory_new(struct copies, 1);
  *copies = (struct copies){.options = options, .data = data, .seed = seed};
  copies->channels = (size_t)view->channels;
  copies->points = view_channel_entries(view);
  copies->axes = view->space_axes;
  find_plane(view, copies->plane);
  for (int64_t i = 0; i < options->reflect.count; i++)
    copies->reflects[find_axis(view, options->reflect.name[i])] = true;
  for (int64_t i = 0; i < options->periodic.count; i++)
    copies->rolls[find_axis(view, options->periodic.name[i])] = true;
  for (int a = 0; a < copies->axes; a++) {
    copies->size[a] = view->space[a].length;
    copies->moves[a] = copies->size[a] > 1 && !copies->rolls[a];
  }
  const size_t entries = (size_t)data->local_count * data->stride;
  copies->copy = *data;
  copies->copy.y = memory_new(real, entries);
  copies->copy.w = data->w != NULL ? memory_new(real, entries) : NULL;
  copies->copy.weight_sum = memory_new(double, data->local_count);
  return copies;
}

void copies_destroy(struct copies **copies) {
  if (*copies == NULL) return;
  memory_free(&(*copies)->copy.y);
  memory_free(&(*copies)->copy.w);
  memory_free(&(*copies)->copy.weight_sum);
  memory_free(copies);
}

// ---- drawing ----

// What the random numbers of a copy are for; for those of an axis, its number is added.
enum { DRAW_SCALE, DRAW_ROTATION, DRAW_SHIFT = 8, DRAW_REFLECT = 16, DRAW_ROLL = 24, DRAWS = 32 };

struct copy_map copies_map(const struct copies *c, int64_t sample, int64_t pass) {
  static const double degree = 0.017453292519943295;
  double uniform[DRAWS];
  for (int k = 0; k < DRAWS; k++)
    uniform[k] =
        rng_uniform(c->seed, RNG_COPIES, (uint64_t)sample, (uint64_t)pass * DRAWS + (uint64_t)k);
  struct copy_map map = {.roll = {0}};
  const double scale = 1.0 + c->options->scale * (2.0 * uniform[DRAW_SCALE] - 1.0);
  for (int a = 0; a < c->axes; a++) map.matrix[a][a] = c->moves[a] ? 1.0 / scale : 1.0;
  if (c->options->rotation > 0.0) {
    const int p = c->plane[0], q = c->plane[1];
    const double angle = degree * c->options->rotation * (2.0 * uniform[DRAW_ROTATION] - 1.0);
    const double cosine = portable_cos(angle) / scale, sine = portable_sin(angle) / scale;
    map.matrix[p][p] = map.matrix[q][q] = cosine;
    map.matrix[p][q] = -sine;
    map.matrix[q][p] = sine;
  }
  for (int a = 0; a < c->axes; a++) {
    const double size = (double)c->size[a];
    double image = 0.0;  // of the centre
    for (int b = 0; b < c->axes; b++) image += map.matrix[a][b] * 0.5 * (double)(c->size[b] - 1);
    map.offset[a] = 0.5 * (size - 1.0) - image;
    if (c->moves[a]) map.offset[a] += c->options->shift * (2.0 * uniform[DRAW_SHIFT + a] - 1.0);
    map.reflected[a] = c->reflects[a] && uniform[DRAW_REFLECT + a] < 0.5;
    map.roll[a] = c->rolls[a] ? (int64_t)floor(uniform[DRAW_ROLL + a] * size) : 0;
    assert(map.roll[a] < c->size[a]);
  }
  return map;
}

// ---- transforming ----

enum { CORNERS = 1 << VIEW_AXES };

// The entries of a channel from which one is interpolated: their places and weights, and whether
// they represent values outside the sample.
struct corners {
  size_t count, place[CORNERS];
  double share[CORNERS];
  bool outside[CORNERS];
};

static void add_side(struct corners *corners, size_t k, size_t to, double share, double place,
                     double last, int64_t size) {
  const double inside = fmin(fmax(place, 0.0), last);
  corners->outside[to] = corners->outside[k] || inside != place;
  corners->share[to] = corners->share[k] * share;
  corners->place[to] = corners->place[k] * (size_t)size + (size_t)inside;
}

// The corners that have a share, of the cell around a point of the sample.
static void find_corners(const struct copies *c, const double *point, struct corners *corners) {
  const double beyond = c->options->outside == OUTSIDE_NEAREST ? 0.0 : 1.0;
  corners->count = 1;
  corners->place[0] = 0;
  corners->share[0] = 1.0;
  corners->outside[0] = false;
  for (int a = 0; a < c->axes; a++) {
    const double last = (double)(c->size[a] - 1);
    const double at = fmin(fmax(point[a], -beyond), last + beyond);
    const double low = floor(at), share = at - low;
    const size_t count = corners->count;
    for (size_t k = 0; k < count; k++) {
      if (share > 0.0) {
        add_side(corners, k, count + k, share, low + 1.0, last, c->size[a]);
        corners->count++;
      }
      add_side(corners, k, k, 1.0 - share, low, last, c->size[a]);
    }
  }
}

// One entry of a copy in each channel: the mean of the sample's entries around it, weighted by
// their weights w (NULL: 1), and the mean of these weights.
static void interpolate(const struct copies *c, const struct corners *corners, const real *y,
                        const real *w, size_t to, real *copy_y, real *copy_w) {
  for (size_t channel = 0; channel < c->channels; channel++) {
    const size_t first = channel * c->points;
    double value = 0.0, weight = 0.0;
    for (size_t k = 0; k < corners->count; k++) {
      const size_t from = first + corners->place[k];
      const double share = corners->share[k] * (w != NULL ? (double)w[from] : 1.0);
      weight += share;
      if (!corners->outside[k] || c->options->outside == OUTSIDE_NEAREST)
        value += share * (double)y[from];
    }
    if (w != NULL) {
      value = weight > 0.0 ? value / weight : 0.0;
      copy_w[first + to] = (real)weight;
    }
    copy_y[first + to] = (real)value;
  }
}

// Where the entry at `to` comes from, and where it goes in the copy: reflections and cyclic shifts
// are done last.
static void place_point(const struct copies *c, const struct copy_map *map, const int64_t *to,
                        double *point, size_t *place) {
  *place = 0;
  for (int a = 0; a < c->axes; a++) {
    const int64_t mirrored = map->reflected[a] ? c->size[a] - 1 - to[a] : to[a];
    *place = *place * (size_t)c->size[a] + (size_t)((mirrored + map->roll[a]) % c->size[a]);
    point[a] = map->offset[a];
    for (int b = 0; b < c->axes; b++) point[a] += map->matrix[a][b] * (double)to[b];
  }
}

static void transform(const struct copies *c, const struct copy_map *map, const real *y,
                      const real *w, real *copy_y, real *copy_w) {
  struct corners corners;
  int64_t to[VIEW_AXES] = {0};
  for (size_t i = 0; i < c->points; i++) {
    double point[VIEW_AXES];
    size_t place;
    place_point(c, map, to, point, &place);
    find_corners(c, point, &corners);
    interpolate(c, &corners, y, w, place, copy_y, copy_w);
    for (int a = c->axes - 1; a >= 0 && ++to[a] == c->size[a]; a--) to[a] = 0;
  }
}

// Sample i of this rank.
static void make_copy(struct copies *c, int64_t i, int64_t pass) {
  const struct dataset *data = c->data;
  const size_t at = (size_t)i * data->stride, bytes = data->stride * sizeof(real);
  const struct copy_map map = copies_map(c, data->index[i], pass);
  real *y = c->copy.y + at, *w = data->w != NULL ? c->copy.w + at : NULL;
  transform(c, &map, data->y + at, data->w != NULL ? data->w + at : NULL, y, w);
  c->copy.weight_sum[i] = data->weight_sum[i];
  if (w == NULL) return;
  double sum = 0.0;
  for (size_t j = 0; j < data->n; j++) sum += (double)w[j];
  if (sum > 0.0) {
    c->copy.weight_sum[i] = sum;
    return;
  }
  memcpy(y, data->y + at, bytes);
  memcpy(w, data->w + at, bytes);
}

const struct dataset *copies_of_pass(struct copies *copies, int64_t pass) {
  for (int64_t i = 0; i < copies->data->local_count; i++) make_copy(copies, i, pass);
  return &copies->copy;
}
