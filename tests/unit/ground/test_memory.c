#include <stdint.h>

#include "ground/memory.h"
#include "support/test.h"

int main(void) {
  for (size_t count = 0; count < 200; count += 7) {
    double *x = memory_new(double, count);
    int zero = 1;
    for (size_t i = 0; i < count; i++) zero &= x[i] == 0.0;
    CHECK((uintptr_t)x % 64 == 0, "%zu elements are not aligned", count);
    CHECK(zero, "%zu elements are not zeroed", count);
    memory_free(&x);
    CHECK(x == NULL, "the pointer is not cleared");
  }
  return test_summary();
}
