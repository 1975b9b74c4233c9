#include "numerics/reduction.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "numerics/exact_sum.h"
#include "numerics/isa.h"
#include "numerics/reduction_kernels.h"

ISA_VARIANTS(struct reduction_kernels, reduction_kernels);

static const struct reduction_kernels *kernels(void) {
  return reduction_kernels_variants[isa_chosen()];
}

enum {
  MANTISSA = 53,         // bits of a double
  HEADROOM = 4,          // powers of two by which a step's gradients may exceed the last step's
  SMALLEST = -200,       // exponent below which summands count as zero
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
  struct exact_sum sum = {.nonfinite = 0};
  for (size_t i = 0; i < count; i++) exact_sum_add(&sum, values[i]);
  ranks_sum_int64(ranks, (int64_t *)&sum, EXACT_NUMBERS);
  return exact_sum_value(&sum);
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

// The greatest exponents of all ranks, in one message with the caller's numbers.
static void agree(struct reduction *r, const struct ranks *ranks,
                  const struct ranks_numbers *others) {
  const struct ranks_numbers given = others != NULL ? *others : (struct ranks_numbers){0};
  struct ranks_numbers all = given;
  all.max_count += r->blocks;
  all.maxima = memory_new(int64_t, all.max_count);
  memcpy(all.maxima, r->largest, r->blocks * sizeof *r->largest);
  if (given.max_count > 0)
    memcpy(all.maxima + r->blocks, given.maxima, given.max_count * sizeof *given.maxima);
  ranks_combine(ranks, &all);
  memcpy(r->largest, all.maxima, r->blocks * sizeof *r->largest);
  if (given.max_count > 0)
    memcpy(given.maxima, all.maxima + r->blocks, given.max_count * sizeof *given.maxima);
  memory_free(&all.maxima);
}

bool reduction_finish(struct reduction *r, const struct ranks *ranks,
                      const struct ranks_numbers *others, double factor, real *sum) {
  agree(r, ranks, others);
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
