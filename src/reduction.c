#include "reduction.h"

#include <math.h>
#include <string.h>

#include "memory.h"

enum {
  BITS = 62,        // of magnitude in the fixed-point numbers, with the sign one less than the word
  HEADROOM = 8,     // powers of two by which a step's gradients may exceed the last step's
  SMALLEST = -200,  // exponent below which summands count as zero
  NONFINITE = INT32_MAX  // as an exponent: a summand is not finite
};

// The smallest e with |x| < 2^e for every x up to `magnitude`.
static int64_t exponent_of(double magnitude) {
  if (!isfinite(magnitude)) return NONFINITE;
  int exponent = 0;
  frexp(magnitude, &exponent);
  return magnitude == 0.0 || exponent < SMALLEST ? SMALLEST : exponent;
}

static int64_t bits_of_count(int64_t count) {
  int64_t bits = 0;
  while (((int64_t)1 << bits) < count) bits++;
  return bits;
}

double reduction_sum(struct comm *comm, const double *values, size_t count) {
  double largest = 0.0;
  bool finite = true;
  for (size_t i = 0; i < count; i++) {
    finite = finite && isfinite(values[i]);
    largest = fmax(largest, fabs(values[i]));
  }
  int64_t exponent = finite ? exponent_of(largest) : NONFINITE;
  comm_max_int64(comm, &exponent, 1);
  if (exponent == NONFINITE) return NAN;
  int64_t total = (int64_t)count;
  comm_sum_int64(comm, &total, 1);
  const int shift = (int)(BITS - exponent - bits_of_count(total));
  int64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += llrint(ldexp(values[i], shift));
  comm_sum_int64(comm, &sum, 1);
  return ldexp((double)sum, -shift);
}

struct reduction {
  size_t blocks, count;
  size_t *sizes;      // [blocks]
  int64_t *exponent;  // [blocks] summands are taken to be below 2^exponent
  int64_t *largest;   // [blocks] exponents of the largest summands of this sum so far
  int64_t *sum;       // [count]
  int64_t summand_bits;
};

struct reduction *reduction_create(size_t blocks, const size_t *sizes) {
  struct reduction *r = memory_new(struct reduction, 1);
  r->blocks = blocks;
  r->sizes = memory_new(size_t, blocks);
  r->exponent = memory_new(int64_t, blocks);
  r->largest = memory_new(int64_t, blocks);
  for (size_t b = 0; b < blocks; b++) {
    r->sizes[b] = sizes[b];
    r->count += sizes[b];
    r->exponent[b] = SMALLEST;
  }
  r->sum = memory_new(int64_t, r->count);
  return r;
}

void reduction_destroy(struct reduction **reduction) {
  struct reduction *r = *reduction;
  if (r == NULL) return;
  memory_free(&r->sizes);
  memory_free(&r->exponent);
  memory_free(&r->largest);
  memory_free(&r->sum);
  memory_free(reduction);
}

void reduction_begin(struct reduction *r, int64_t summands) {
  r->summand_bits = bits_of_count(summands);
  memset(r->sum, 0, r->count * sizeof *r->sum);
  for (size_t b = 0; b < r->blocks; b++) r->largest[b] = SMALLEST;
}

// The largest magnitude; NaN and infinity count as infinite.
static double largest_magnitude(const real *x, size_t count) {
  enum { LANES = 16 };
  real lane[LANES] = {0};
  bool finite = true;
  size_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (size_t j = 0; j < LANES; j++) {
      const real magnitude = x[i + j] < 0 ? -x[i + j] : x[i + j];
      finite &= magnitude <= (real)3e38;
      lane[j] = magnitude > lane[j] ? magnitude : lane[j];
    }
  for (; i < count; i++) {
    const real magnitude = x[i] < 0 ? -x[i] : x[i];
    finite &= magnitude <= (real)3e38;
    lane[0] = magnitude > lane[0] ? magnitude : lane[0];
  }
  if (!finite) return INFINITY;
  for (size_t j = 1; j < LANES; j++) lane[0] = lane[j] > lane[0] ? lane[j] : lane[0];
  return (double)lane[0];
}

// sum += round(x 2^shift). Adding 1.5 2^52 to a double below 2^51 leaves its rounded value in the
// low bits; larger values are split in two halves of at most 31 bits, so that all is plain
// arithmetic.
static void add_fixed_point(int64_t *restrict sum, const real *restrict x, size_t count,
                            int shift) {
  const double magic = 0x1.8p52, high_scale = ldexp(1.0, shift - 31), low_scale = 0x1p31;
  const int64_t magic_bits = 0x4338000000000000;
  for (size_t i = 0; i < count; i++) {
    const double scaled = (double)x[i] * high_scale;
    const double high_sum = scaled + magic, high = high_sum - magic;
    const double low_sum = (scaled - high) * low_scale + magic;
    int64_t high_bits, low_bits;
    memcpy(&high_bits, &high_sum, sizeof high_bits);
    memcpy(&low_bits, &low_sum, sizeof low_bits);
    sum[i] += (int64_t)((uint64_t)(high_bits - magic_bits) << 31) + (low_bits - magic_bits);
  }
}

void reduction_add(struct reduction *r, const real *gradient) {
  size_t start = 0;
  for (size_t b = 0; b < r->blocks; start += r->sizes[b++]) {
    const int64_t exponent = exponent_of(largest_magnitude(gradient + start, r->sizes[b]));
    if (exponent > r->largest[b]) r->largest[b] = exponent;
    if (exponent > r->exponent[b]) continue;  // this sum will be begun again
    add_fixed_point(r->sum + start, gradient + start, r->sizes[b],
                    (int)(BITS - r->exponent[b] - r->summand_bits));
  }
}

bool reduction_finish(struct reduction *r, struct comm *comm, double factor, real *sum) {
  comm_max_int64(comm, r->largest, r->blocks);
  bool nonfinite = false, exceeded = false;
  for (size_t b = 0; b < r->blocks; b++) {
    nonfinite = nonfinite || r->largest[b] == NONFINITE;
    exceeded = exceeded || r->largest[b] > r->exponent[b];
  }
  if (nonfinite) {
    for (size_t i = 0; i < r->count; i++) sum[i] = (real)NAN;
    return true;
  }
  if (!exceeded) {
    comm_sum_int64(comm, r->sum, r->count);
    size_t i = 0;
    for (size_t b = 0; b < r->blocks; b++) {
      const double unit = factor * ldexp(1.0, (int)(r->exponent[b] + r->summand_bits - BITS));
      for (const size_t end = i + r->sizes[b]; i < end; i++)
        sum[i] = (real)((double)r->sum[i] * unit);
    }
  }
  for (size_t b = 0; b < r->blocks; b++) r->exponent[b] = r->largest[b] + HEADROOM;
  return !exceeded;
}

void reduction_state(struct reduction *r, struct state *state) {
  state_add_numbers(state, "training", "exponents", STATE_INT64, r->exponent, (int64_t)r->blocks,
                    "block", "powers of two that bound the gradients' parts in exact sums");
}
