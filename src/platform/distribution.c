#include "platform/distribution.h"

// floor(rank N / R), without the product.
int64_t distribution_first(int64_t count, int ranks, int rank) {
  return count / ranks * rank + count % ranks * rank / ranks;
}

int distribution_home(int64_t count, int ranks, int64_t i) {
  return (int)(((i + 1) * ranks - 1) / count);
}
