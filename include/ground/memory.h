// Zeroed blocks of memory on 64-byte boundaries. Running out is the environment's error: the
// functions either succeed or end the job, unless the caller of memory_attempt() takes it as a
// value.
#ifndef GFE_MEMORY_H
#define GFE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/error.h"

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

// Calls work(context) so that running out of memory ends neither the job nor the process: then all
// blocks that this thread has taken in `work` are given back, *error says how many bytes were
// wanted, and the answer is false. (A protected call, as Lua's pcall.) So `work` must leave
// pointers to its blocks only in what it makes itself, and in `context`, where they count for
// nothing if it failed; and it must hold nothing but memory, no file and no lock. An attempt inside
// of an attempt is a part of it. Each thread has attempts of its own. For a library: no constructor
// of decoder, flow or engine needs to know.
bool memory_attempt(void (*work)(void *context), void *context, struct error *error);

// Bytes of memory that the processes of this job may use on this machine: what is built in, or what
// the least of its control groups allows (version 1 or 2; Slurm and containers set them). `root` is
// "", or a directory with proc/ and sys/ of its own.
double memory_of_machine(const char *root);

// Bytes that this process's address space may grow to (ulimit -v), infinite if it has no limit.
double memory_of_process(void);

// Ends the process unless its address space (ulimit -v, Grid Engine's h_vmem) may grow to `bytes`:
// libraries crash where there is too little.
void memory_require(size_t bytes);

#endif
