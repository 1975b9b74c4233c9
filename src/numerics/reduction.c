#include "numerics/reduction.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "numerics/isa.h"
#include "numerics/reduction_kernels.h"

ISA_VARIANTS(struct reduction_kernels, reduction_kernels);

static const struct reduction_kernels *kernels(void) {
  return reduction_kernels_variants[isa_chosen()];
}

enum {
  BITS = 62,        // of magnitude in the fixed-point numbers, with the sign one less than the word
  MANTISSA = 53,    // bits of a double
  HEADROOM = 4,     // powers of two by which a step's gradients may exceed the last step's
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

double reduction_sum(const struct ranks *ranks, const double *values, size_t count) {
  double largest = 0.0;
  bool finite = true;
  for (size_t i = 0; i < count; i++) {
    finite = finite && isfinite(values[i]);
    largest = fmax(largest, fabs(values[i]));
  }
  int64_t exponent = finite ? exponent_of(largest) : NONFINITE;
  ranks_max_int64(ranks, &exponent, 1);
  if (exponent == NONFINITE) return NAN;
  int64_t total = (int64_t)count;
  ranks_sum_int64(ranks, &total, 1);
  const int shift = (int)(BITS - exponent - bits_of_count(total));
  int64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += llrint(ldexp(values[i], shift));
  ranks_sum_int64(ranks, &sum, 1);
  return ldexp((double)sum, -shift);
}

struct reduction {
  size_t blocks, count;
  size_t *sizes;      // [blocks]
  int64_t *exponent;  // [blocks] summands are taken to be below 2^exponent
  int64_t *largest;   // [blocks] exponents of the largest summands of this sum so far
  double *sum;        // [count]
  int64_t summand_bits;
  int64_t left;  // gradients that this rank may still add
  bool empty;    // nothing has been added to this sum
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
  r->sum = memory_new(double, r->count);
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
  r->left = summands;
  if (r->summand_bits < 2) r->summand_bits = 2;
  for (size_t b = 0; b < r->blocks; b++) r->largest[b] = SMALLEST;
  r->empty = true;
}

// The exponent of the last bit of a sum: summands below 2^exponent, 2^summand_bits of them, make
// less than 2^MANTISSA units.
static int unit_exponent(const struct reduction *r, size_t b) {
  return (int)(r->exponent[b] + r->summand_bits - MANTISSA);
}

void reduction_add(struct reduction *r, size_t count, const real *gradients) {
  assert((int64_t)count <= r->left);
  r->left -= (int64_t)count;
  enum { CHUNK = 2048 };  // parameters whose sum stays in the first cache
  size_t start = 0;
  for (size_t b = 0; b < r->blocks; start += r->sizes[b++]) {
    const double unit = ldexp(1.0, unit_exponent(r, b));
    int64_t largest = SMALLEST;
    for (size_t at = 0; at < r->sizes[b]; at += CHUNK) {
      const size_t left = r->sizes[b] - at, size = left < CHUNK ? left : CHUNK;
      double *sum = r->sum + start + at;
      if (r->empty) memset(sum, 0, size * sizeof *sum);
      for (size_t k = 0; k < count; k++) {
        const real *x = gradients + k * r->count + start + at;
        const int64_t exponent = exponent_of((double)kernels()->largest(size, x));
        if (exponent > largest) largest = exponent;
        kernels()->add(unit, size, x, sum);  // too large an x: the sum will be begun again
      }
    }
    if (largest > r->largest[b]) r->largest[b] = largest;
  }
  r->empty = false;
}

bool reduction_finish(struct reduction *r, const struct ranks *ranks, double factor, real *sum) {
  ranks_max_int64(ranks, r->largest, r->blocks);
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
    if (r->empty) memset(r->sum, 0, r->count * sizeof *r->sum);
    ranks_sum_double(ranks, r->sum, r->count);
    kernels()->scale(factor, r->count, r->sum, sum);
  }
  for (size_t b = 0; b < r->blocks; b++) r->exponent[b] = r->largest[b] + HEADROOM;
  return !exceeded;
}

void reduction_state(struct reduction *r, struct state *state) {
  state_add_numbers(state, "training", "exponents", STATE_INT64, r->exponent, (int64_t)r->blocks,
                    "block", "powers of two that bound the gradients' parts in exact sums");
}
