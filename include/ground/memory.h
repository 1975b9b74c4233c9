// Zeroed blocks of memory on 64-byte boundaries. Running out of memory is the environment's error:
// the functions either succeed or end the job, unless they are called within memory_attempt().
#ifndef GFE_MEMORY_H
#define GFE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/error.h"

enum { MEMORY_ALIGNMENT = 64 };  // bytes

// `bytes` rounded up to the alignment: where the next array of a block may begin.
static inline size_t memory_rounded(size_t bytes) {
  return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

// An owned array of `count` zeroed elements of `type`; to be freed with memory_free().
#define memory_new(type, count) ((type *)memory_allocate((size_t)(count), sizeof(type)))
void *memory_allocate(size_t count, size_t size);

// Frees a block and sets the caller's pointer to NULL: memory_free(&block).
#define memory_free(address) (memory_release(*(address)), (void)(*(address) = NULL))
void memory_release(void *block);

// Calls work(context) so that running out of memory ends neither the job nor the process:
// instead, all blocks that this thread has allocated in `work` are freed, *error says how many
// bytes were requested, and the result is false. (A protected call, like Lua's pcall.) `work` must
// therefore leave pointers to its blocks only in objects that it creates itself and in `context`,
// where they are invalid after a failure; and it must hold nothing but memory: no file and no lock.
// A nested attempt is part of the outer one. Each thread has its own attempts. Intended for use as
// a library: no constructor in decoder, flow or engine needs to know about it.
bool memory_attempt(void (*work)(void *context), void *context, struct error *error);

// Bytes of memory that the processes of this job may use on this machine: what is installed, or
// what the tightest of its control groups allows (version 1 or 2; Slurm and containers set them).
// `root` is "", or a directory with proc/ and sys/ of its own.
double memory_of_machine(const char *root);

// Bytes that this process's address space may grow to (ulimit -v), infinite if it has no limit.
double memory_of_process(void);

// Ends the process unless its address space (ulimit -v, Grid Engine's h_vmem) may grow to `bytes`,
// since libraries crash if there is too little.
void memory_require(size_t bytes);

#endif
