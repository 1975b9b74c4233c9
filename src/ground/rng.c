#include "ground/rng.h"

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

uint64_t rng_bits(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b) {
  return mix(mix(mix(mix(seed) ^ purpose) ^ a) ^ b);
}

double rng_uniform(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b) {
  return ((double)(rng_bits(seed, purpose, a, b) >> 11) + 0.5) * 0x1p-53;
}

// ---- permutations ----

enum { ROUNDS = 6 };  // of the Feistel network

// Bits of each half.
static unsigned half_bits(int64_t count) {
  unsigned half = 1;
  while (((uint64_t)1 << (2 * half)) < (uint64_t)count) half++;
  return half;
}

static uint64_t scramble(uint64_t seed, uint64_t key, uint64_t round, uint64_t half) {
  return rng_bits(seed, RNG_SHUFFLE + (round << 8), key, half);
}

int64_t rng_permute(uint64_t seed, uint64_t key, int64_t count, int64_t i) {
  const unsigned half = half_bits(count);
  const uint64_t mask = ((uint64_t)1 << half) - 1;
  uint64_t x = (uint64_t)i;
  do {
    uint64_t left = x >> half, right = x & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
      const uint64_t next = left ^ (scramble(seed, key, round, right) & mask);
      left = right;
      right = next;
    }
    x = left << half | right;
  } while (x >= (uint64_t)count);
  return (int64_t)x;
}

int64_t rng_permute_back(uint64_t seed, uint64_t key, int64_t count, int64_t i) {
  const unsigned half = half_bits(count);
  const uint64_t mask = ((uint64_t)1 << half) - 1;
  uint64_t x = (uint64_t)i;
  do {
    uint64_t left = x >> half, right = x & mask;
    for (uint64_t round = ROUNDS; round-- > 0;) {
      const uint64_t before = right ^ (scramble(seed, key, round, left) & mask);
      right = left;
      left = before;
    }
    x = left << half | right;
  } while (x >= (uint64_t)count);
  return (int64_t)x;
}
