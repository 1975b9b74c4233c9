// Zeroed blocks of memory on 64-byte boundaries. Running out is the environment's error: the
// functions either succeed or end the job.
#ifndef GFE_MEMORY_H
#define GFE_MEMORY_H

#include <stddef.h>

enum { MEMORY_ALIGNMENT = 64 };  // bytes

// `bytes` in whole alignments: where the next array of a block may begin.
static inline size_t memory_rounded(size_t bytes) {
  return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

// An owned array of `count` zeroed elements of `type`; to be given back by memory_free().
#define memory_new(type, count) ((type *)memory_allocate((size_t)(count), sizeof(type)))
void *memory_allocate(size_t count, size_t size);

// Gives a block back and sets the caller's pointer to NULL: memory_free(&block).
#define memory_free(address) (memory_release(*(address)), (void)(*(address) = NULL))
void memory_release(void *block);

#endif
