#include "numerics/quantile.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

// Non-negative doubles are ordered like their bits, taken as integers.
static double of_bits(int64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The number of this rank's values that are not above `limit`.
static int64_t count_up_to(const double *rising, size_t count, double limit) {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (rising[middle] <= limit)
      low = middle + 1;
    else
      high = middle;
  }
  return (int64_t)low;
}

// The values at two places in the sorted sequence of all values, by bisection of the bits: each is
// the smallest number that enough values do not exceed.
static void find_places(const struct ranks *ranks, const double *rising, size_t count,
                        const int64_t place[2], double value[2]) {
  static const double infinity = INFINITY;
  int64_t low[2] = {0, 0}, high[2], seen[2];
  memcpy(&high[0], &infinity, sizeof infinity);
  high[1] = high[0];
  while (low[0] < high[0] || low[1] < high[1]) {
    int64_t middle[2];
    for (int k = 0; k < 2; k++) {
      middle[k] = low[k] + (high[k] - low[k]) / 2;
      seen[k] = count_up_to(rising, count, of_bits(middle[k]));
    }
    ranks_sum_int64(ranks, seen, 2);
    for (int k = 0; k < 2; k++) {
      if (seen[k] > place[k])
        high[k] = middle[k];
      else
        low[k] = middle[k] + 1;
    }
  }
  for (int k = 0; k < 2; k++) value[k] = of_bits(high[k]);
}

double quantile(const struct ranks *ranks, const double *rising, size_t count, double q) {
  assert(q >= 0.0 && q <= 1.0);
  int64_t total = (int64_t)count;
  ranks_sum_int64(ranks, &total, 1);
  if (total == 0) return (double)NAN;
  const double where = q * (double)(total - 1), below = floor(where);
  const int64_t first = (int64_t)below;
  double value[2];
  find_places(ranks, rising, count, (const int64_t[]){first, first + 1 < total ? first + 1 : first},
              value);
  return value[0] + (where - below) * (value[1] - value[0]);
}
