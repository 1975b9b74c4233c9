// Stateless random numbers: each is a pure function of (seed, purpose, a, b), so that any rank can
// draw any number at any time, and a restart draws the same ones.
#ifndef GFE_RNG_H
#define GFE_RNG_H

#include <stdint.h>

enum rng_purpose {
  RNG_PARAMETERS,
  RNG_SHUFFLE,
  RNG_CIRCLE,
  RNG_TEST,
  RNG_SWEEP,
  RNG_POD,
  RNG_HOLD_OUT,
  RNG_START,
  RNG_COPIES
};

// 64 random bits of a counter-based generator (rounds of the mixer of SplitMix64; Steele, Lea and
// Flood 2014).
uint64_t rng_bits(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b);

// Uniform in the open interval (0, 1), 53 bits.
double rng_uniform(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b);

// The image of i in the random permutation of 0 ... count - 1 identified by `key` (say, the epoch).
// Takes no memory: a Feistel network on the next even number of bits, iterated until it lands in
// the range.
int64_t rng_permute(uint64_t seed, uint64_t key, int64_t count, int64_t i);

// The inverse: the number whose image is i.
int64_t rng_permute_back(uint64_t seed, uint64_t key, int64_t count, int64_t i);

#endif
