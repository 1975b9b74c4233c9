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
  HEADROOM = 4,          // powers of two by which the gradients of a step may exceed those of the
                         // last
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
  struct reduction_block *block;  // [blocks]
  int64_t *exponent;              // [blocks] summands are taken to be below 2^exponent
  // [blocks + REDUCTION_OTHERS] exponents of the largest summands of a sum, and room for what the
  // caller sends with them
  int64_t *largest;
  double *sum;    // [count]
  double *share;  // [share_count] this rank's, of all ranks' sums; NULL: all of them are wanted
  size_t share_count;
  bool finite;  // the last sum
};

struct reduction *reduction_create(size_t blocks, const size_t *sizes) {
  struct reduction *r = memory_new(struct reduction, 1);
  r->blocks = blocks;
  r->block = memory_new(struct reduction_block, blocks);
  r->exponent = memory_new(int64_t, blocks);
  r->largest = memory_new(int64_t, blocks + REDUCTION_OTHERS);
  for (size_t b = 0; b < blocks; b++) {
    r->block[b].size = sizes[b];
    r->count += sizes[b];
    r->exponent[b] = SMALLEST;
  }
  r->sum = memory_new(double, r->count);
  size_t start = 0;
  for (size_t b = 0; b < blocks; start += sizes[b++]) r->block[b].sum = r->sum + start;
  return r;
}

void reduction_destroy(struct reduction **reduction) {
  struct reduction *r = *reduction;
  if (r == NULL) return;
  memory_free(&r->block);
  memory_free(&r->exponent);
  memory_free(&r->largest);
  memory_free(&r->sum);
  memory_free(&r->share);
  memory_free(reduction);
}

void reduction_want_share(struct reduction *r, size_t count) {
  assert(r->share == NULL);
  r->share = memory_new(double, count);
  r->share_count = count;
}

// The exponent of the last bit of a sum: 2^bits summands below 2^exponent add up to less than
// 2^MANTISSA units. In a double near 1.5 2^52 units, the last bit is one unit.
void reduction_begin(struct reduction *r, int64_t summands) {
  int64_t bits = bits_of_count(summands);
  if (bits < 2) bits = 2;
  for (size_t b = 0; b < r->blocks; b++) {
    r->block[b].begun = false;
    r->block[b].magic = ldexp(0x1.8p52, (int)(r->exponent[b] + bits - MANTISSA));
    r->block[b].largest = 0;
    r->block[b].left = summands;
  }
}

struct reduction_block *reduction_block(struct reduction *r, size_t start, int64_t summands) {
  size_t b = 0;
  while (r->block[b].sum != r->sum + start) b++;
  assert(summands <= r->block[b].left);
  r->block[b].left -= summands;
  return &r->block[b];
}

// Adds a block's part of `count` gradients, `stride` apart. Summands that are too large do no harm:
// the sum will be started again.
static void add_to_block(struct reduction_block *block, size_t count, const real *x,
                         size_t stride) {
  enum { CHUNK = 2048 };  // parameters whose sum stays in the L1 cache
  for (size_t at = 0; at < block->size; at += CHUNK) {
    const size_t left = block->size - at, size = left < CHUNK ? left : CHUNK;
    if (!block->begun) memset(block->sum + at, 0, size * sizeof *block->sum);
    for (size_t k = 0; k < count; k++)
      block->largest =
          kernels()->add(block->magic, size, x + k * stride + at, block->sum + at, block->largest);
  }
  block->begun = true;
}

void reduction_add(struct reduction *r, size_t count, const real *gradients) {
  size_t start = 0;
  for (size_t b = 0; b < r->blocks; start += r->block[b++].size) {
    struct reduction_block *block = reduction_block(r, start, (int64_t)count);
    add_to_block(block, count, gradients + start, r->count);
  }
}

void reduction_add_block(struct reduction *r, size_t start, const real *x) {
  add_to_block(reduction_block(r, start, 1), 1, x, 0);
}

static int64_t exponent_of_largest(real_bits largest) {
  real magnitude;
  memcpy(&magnitude, &largest, sizeof magnitude);
  return exponent_of((double)magnitude);
}

// The greatest exponents of all ranks, in one message with the caller's numbers.
static void agree(struct reduction *r, const struct ranks *ranks,
                  const struct ranks_numbers *others) {
  const struct ranks_numbers given = others != NULL ? *others : (struct ranks_numbers){0};
  const size_t bytes = given.max_count * sizeof *given.maxima;
  struct ranks_numbers all = given;
  assert(given.max_count <= REDUCTION_OTHERS);
  all.maxima = r->largest;
  all.max_count += r->blocks;
  if (bytes > 0) memcpy(r->largest + r->blocks, given.maxima, bytes);
  ranks_combine(ranks, &all);
  if (bytes > 0) memcpy(given.maxima, r->largest + r->blocks, bytes);
}

// sum = factor times the ranks' sums, or this rank's share of them.
static void add_up(struct reduction *r, const struct ranks *ranks, double factor, real *sum) {
  if (r->share != NULL) {
    ranks_sum_share(ranks, r->sum, r->count, r->share);
    kernels()->scale(factor, r->share_count, r->share, sum);
  } else {
    ranks_sum_double(ranks, r->sum, r->count);
    kernels()->scale(factor, r->count, r->sum, sum);
  }
}

bool reduction_is_finite(const struct reduction *r) { return r->finite; }

bool reduction_finish(struct reduction *r, const struct ranks *ranks,
                      const struct ranks_numbers *others, double factor, real *sum) {
  for (size_t b = 0; b < r->blocks; b++) r->largest[b] = exponent_of_largest(r->block[b].largest);
  agree(r, ranks, others);
  const size_t wanted = r->share != NULL ? r->share_count : r->count;
  bool exceeded = false;
  r->finite = true;
  for (size_t b = 0; b < r->blocks; b++) {
    r->finite = r->finite && r->largest[b] != NONFINITE;
    exceeded = exceeded || r->largest[b] > r->exponent[b];
  }
  if (!r->finite) {
    for (size_t i = 0; i < wanted; i++) sum[i] = (real)NAN;
    return true;
  }
  if (!exceeded) {
    for (size_t b = 0; b < r->blocks; b++)
      if (!r->block[b].begun) memset(r->block[b].sum, 0, r->block[b].size * sizeof *r->sum);
    add_up(r, ranks, factor, sum);
  }
  for (size_t b = 0; b < r->blocks; b++) r->exponent[b] = r->largest[b] + HEADROOM;
  return !exceeded;
}

void reduction_state(struct reduction *r, const char *name, struct state *state) {
  state_add_numbers(state, "training", name, STATE_INT64, r->exponent, (int64_t)r->blocks,
                    r->blocks > 1 ? "block" : "one",
                    "powers of two that bound the gradients' parts in exact sums");
}
