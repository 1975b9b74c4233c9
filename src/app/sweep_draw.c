// Random values of a sweep: pure functions of seed, key and sample.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/sweep_internal.h"
#include "ground/provenance.h"
#include "ground/rng.h"
#include "input/config_format.h"
#include "numerics/portable.h"

static double uniform(uint64_t seed, const char *key, int64_t sample) {
  return rng_uniform(seed, RNG_SWEEP, provenance_hash(key), (uint64_t)sample);
}

size_t sweep_draw_index(size_t count, uint64_t seed, const char *key, int64_t sample) {
  const size_t index = (size_t)(uniform(seed, key, sample) * (double)count);
  return index < count ? index : count - 1;
}

// Six digits are enough for a study. The logarithms are subtracted, because the ratio of two
// numbers can be too large for one.
static double draw_number(const struct sweep_range *range, double u) {
  const double a = range->lower, b = range->upper;
  char text[CONFIG_NUMBER_TEXT];
  snprintf(text, sizeof text, "%.6g",
           range->log ? portable_exp(portable_log(a) + u * (portable_log(b) - portable_log(a)))
                      : a + u * (b - a));
  double value = 0.0;
  sscanf(text, "%lf", &value);
  return fmin(fmax(value, a), b);
}

// Each integer owns the interval from itself to the next.
static double draw_integer(const struct sweep_range *range, double u) {
  const double a = range->lower, b = range->upper + 1.0;
  const double value =
      floor(range->log ? a * portable_exp(u * portable_log(b / a)) : a + u * (b - a));
  return fmin(fmax(value, a), range->upper);
}

struct yaml_tree *sweep_draw(const struct sweep_range *range, uint64_t seed, const char *key,
                             int64_t sample, int line) {
  const double u = uniform(seed, key, sample);
  char text[CONFIG_NUMBER_TEXT];
  config_number_text(range->integer ? draw_integer(range, u) : draw_number(range, u), text);
  struct error error = {""};
  struct yaml_tree *node = yaml_tree_parse(text, strlen(text), NULL, &error);
  if (node == NULL) error_fatal("%s: %s", text, error.text);
  node->line = line;
  return node;
}
