#include "ground/checksum.h"

#include <string.h>

// The finaliser of MurmurHash3 (Appleby): a bijection in which every bit moves all others.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdU;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53U;
  return x ^ (x >> 33);
}

uint64_t checksum(const void *data, size_t bytes, uint64_t first) {
  const unsigned char *at = data;
  const uint64_t odd = 0x9e3779b97f4a7c15U;
  uint64_t sum = 0, word;
  size_t i = 0;
  for (; i < bytes / 8; i++) {
    memcpy(&word, at + 8 * i, 8);
    sum += mix(word + (first + i + 1) * odd);
  }
  if (bytes % 8 == 0) return sum;
  word = 0;
  memcpy(&word, at + 8 * i, bytes % 8);
  return sum + mix(word + (first + i + 1) * odd);
}
