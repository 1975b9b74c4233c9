// The scaling that data.scale asks for, and applying it to rows.
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "data/dataset_internal.h"
#include "ground/log.h"
#include "ground/memory.h"

// ---- finding it ----

static bool is_constant(const struct dataset_moments *moments) {
  return !(moments->min < moments->max);
}

static void set_pair(struct scaling *scaling, size_t k, enum scale_kind kind,
                     const struct dataset_moments *moments) {
  if (moments->entries == 0) return;
  const bool range = kind == SCALE_MINMAX;
  scaling->offset[k] = is_constant(moments) || range ? moments->min : moments->mean;
  if (!is_constant(moments))
    scaling->scale[k] = range ? moments->max - moments->min : moments->deviation;
}

// Reports that data with these `moments` cannot be scaled by their variation.
static void say_constant(const char *what, const struct dataset_moments *moments) {
  if (moments->entries == 0)
    log_warning("data.scale: %s has no valid entry in the training data: scaled by 1", what);
  else
    log_warning("data.scale: %s is constant in the training data, %g: scaled by 1", what,
                moments->min);
}

static void say_constants(const struct config_scale *scale, const struct view *view,
                          const struct dataset_moments *moments, size_t pairs) {
  size_t count = 0;
  for (size_t k = 0; k < pairs; k++) {
    char what[VIEW_TEXT + 32] = "the whole set";
    if (!is_constant(&moments[k])) continue;
    count++;
    if (scale->per == SCALE_PER_ENTRY) continue;
    if (scale->per == SCALE_PER_CHANNEL)
      snprintf(what, sizeof what, "the channel %s", view->channel[k].name);
    say_constant(what, &moments[k]);
  }
  if (count > 0 && scale->per == SCALE_PER_ENTRY)
    log_line("  %-8s %zu of %zu entries of a sample are constant in the training data: scaled by 1",
             "scale", count, pairs);
}

// Channels that the file does not identify as such are taken for a spatial axis.
static void say_no_channels(const struct config_scale *scale, const struct view *view) {
  if (scale->per != SCALE_PER_CHANNEL || view->has_channel_axis || view->space_axes < 3) return;
  log_warning(
      "data.scale: per channel, but samples of data.train have one channel, so all entries "
      "are scaled alike; if %s is an axis of channels, name it component in data.train.axes",
      view->space[0].name);
}

// The number of pairs of constants.
static size_t count_pairs(const struct config_scale *scale, size_t n, const struct view *view) {
  const bool measured = scale->kind == SCALE_MINMAX || scale->kind == SCALE_STANDARDISE;
  if (!measured || scale->per == SCALE_PER_ALL) return 1;
  return scale->per == SCALE_PER_ENTRY ? n : (size_t)view->channels;
}

struct scaling *dataset_scaling(struct comm *comm, const struct config_scale *scale, size_t n,
                                struct dataset_sources *train, const struct view *view,
                                struct config_missing missing, struct error *error) {
  const size_t pairs = count_pairs(scale, n, view);
  struct scaling *scaling = scaling_create(n, pairs);
  if (scale->kind == SCALE_NUMBER) scaling->scale[0] = scale->value;
  if (scale->kind == SCALE_NONE || scale->kind == SCALE_NUMBER) return scaling;
  assert(train != NULL);
  say_no_channels(scale, view);
  struct dataset_moments *moments = memory_new(struct dataset_moments, pairs);
  int64_t filled;
  if (dataset_measure(comm, train, missing, NULL, pairs, moments, &filled, error)) {
    for (size_t k = 0; k < pairs; k++) set_pair(scaling, k, scale->kind, &moments[k]);
    say_constants(scale, view, moments, pairs);
  } else {
    scaling_destroy(&scaling);
  }
  memory_free(&moments);
  return scaling;
}

// ---- applying it ----

bool dataset_check_scaling(const struct dataset_sources *sources, const struct dataset_rules *rules,
                           struct error *error) {
  const struct scaling *scaling = rules->scaling;
  if (scaling == NULL || scaling_is_sound(scaling)) return true;
  size_t k = 0;
  while (isfinite(scaling->offset[k]) && isfinite(scaling->scale[k]) && scaling->scale[k] != 0) k++;
  return error_set(error, "%s: offset %g and scale %g cannot be applied to data (data.scale)",
                   sources->key, scaling->offset[k], scaling->scale[k]);
}

// Entry j of row i, scaled and rounded.
static bool check_scaled(const struct dataset_sources *sources, enum loss_kind loss, size_t i,
                         size_t j, double y, struct error *error) {
  const struct dataset_piece *piece = sources->piece;
  const long long index = (long long)sources->index[piece->first + (int64_t)i];
  if (!isfinite(y))
    return error_set(error,
                     "%s: sample %lld, entry %zu is %.9g, which after scaling (data.scale) is too "
                     "large for " REAL_NAME,
                     sources->key, index, j, piece->y[i * piece->n + j]);
  if (!loss_ops(loss)->unit_interval || (y >= 0 && y <= 1)) return true;
  int other = 0;  // a loss that takes any data
  while (loss_ops(other)->unit_interval) other++;
  return error_set(error,
                   "%s: sample %lld, entry %zu is %.9g after scaling; decoder.loss: %s needs "
                   "values in [0, 1]: use %s, or change data.scale",
                   sources->key, index, j, y, loss_name(loss), loss_name(other));
}

bool dataset_scale_row(const struct dataset_sources *sources, const struct dataset_rules *rules,
                       size_t i, real *y, struct error *error) {
  static double none_offset = 0.0, none_scale = 1.0;
  const size_t n = sources->piece->n;
  const struct scaling none = {n, 1, &none_offset, &none_scale};
  const struct scaling *scaling = rules->scaling != NULL ? rules->scaling : &none;
  const double *raw = sources->piece->y + i * n;
  const size_t run = n / scaling->count;
  for (size_t k = 0; k < scaling->count; k++) {
    const double offset = scaling->offset[k], scale = scaling->scale[k];
    for (size_t j = k * run; j < (k + 1) * run; j++) {
      y[j] = isnan(raw[j]) ? 0 : (real)((raw[j] - offset) / scale);
      if (!check_scaled(sources, rules->loss, i, j, (double)y[j], error)) return false;
    }
  }
  return true;
}
