#include "ground/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ground/error.h"

void *memory_allocate(size_t count, size_t size) {
  if (size != 0 && count > (SIZE_MAX - MEMORY_ALIGNMENT) / size)
    error_fatal("cannot allocate %zu elements of %zu bytes: the product is too large", count, size);
  const size_t bytes = memory_rounded(count * size + 1);  // never 0
  void *block = aligned_alloc(MEMORY_ALIGNMENT, bytes);
  if (block == NULL) error_fatal("out of memory: cannot allocate %zu bytes", bytes);
  return memset(block, 0, bytes);
}

void memory_release(void *block) { free(block); }
