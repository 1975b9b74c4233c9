#include <string.h>

#include "ground/checksum.h"
#include "support/test.h"

int main(void) {
  enum { BYTES = 1003 };
  unsigned char data[BYTES];
  for (int i = 0; i < BYTES; i++) data[i] = (unsigned char)(i * 37);
  const uint64_t whole = checksum(data, BYTES, 5);
  for (size_t cut = 0; cut <= BYTES; cut += 8)
    CHECK(checksum(data, cut, 5) + checksum(data + cut, BYTES - cut, 5 + cut / 8) == whole,
          "parts cut at %zu add up", cut);
  int found = 0;
  for (int i = 0; i < BYTES; i++)
    for (int bit = 0; bit < 8; bit++) {
      data[i] ^= (unsigned char)(1 << bit);
      found += checksum(data, BYTES, 5) != whole;
      data[i] ^= (unsigned char)(1 << bit);
    }
  CHECK(found == 8 * BYTES, "%d of %d flipped bits found", found, 8 * BYTES);
  CHECK(checksum(data, BYTES, 6) != whole, "the place counts");
  unsigned char swapped[BYTES];
  memcpy(swapped, data, BYTES);
  memcpy(swapped, data + 8, 8);
  memcpy(swapped + 8, data, 8);
  CHECK(checksum(swapped, BYTES, 5) != whole, "the order counts");
  CHECK(checksum(data, 16, 0) != checksum(data, 15, 0), "the length counts");
  return test_summary();
}
