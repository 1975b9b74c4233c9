#include "ground/memory.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "ground/error.h"

// An attempt of a thread, and the blocks allocated during it.
struct attempt {
  jmp_buf failed;
  void **blocks;
  size_t count, room;
  struct error *error;
};

static _Thread_local struct attempt *attempt = NULL;

// Ends the attempt, or without one the job.
static _Noreturn void fail(size_t count, size_t size) {
  struct error error = {""};
  error_set(&error, "out of memory: cannot allocate %zu elements of %zu bytes", count, size);
  if (attempt == NULL) error_fatal("%s", error.text);
  error_set(attempt->error, "%s", error.text);
  longjmp(attempt->failed, 1);
}

static bool remember(void *block) {
  if (attempt->count == attempt->room) {
    const size_t room = 2 * attempt->room + 64;
    void **larger = realloc(attempt->blocks, room * sizeof *larger);
    if (larger == NULL) return false;
    attempt->blocks = larger;
    attempt->room = room;
  }
  attempt->blocks[attempt->count++] = block;
  return true;
}

// Most blocks are freed soon after they were allocated.
static void forget(const void *block) {
  for (size_t i = attempt->count; i-- > 0;)
    if (attempt->blocks[i] == block) {
      attempt->blocks[i] = attempt->blocks[--attempt->count];
      return;
    }
}

void *memory_allocate(size_t count, size_t size) {
  if (size != 0 && count > (SIZE_MAX - MEMORY_ALIGNMENT) / size) fail(count, size);
  const size_t bytes = memory_rounded(count * size + 1);  // never 0
  void *block = aligned_alloc(MEMORY_ALIGNMENT, bytes);
  if (block == NULL) fail(count, size);
  if (attempt != NULL && !remember(block)) {
    free(block);
    fail(count, size);
  }
  return memset(block, 0, bytes);
}

void memory_release(void *block) {
  if (attempt != NULL && block != NULL) forget(block);
  free(block);
}

static bool run_attempt(struct attempt *mine, void (*work)(void *context), void *context) {
  if (setjmp(mine->failed) != 0) return false;
  attempt = mine;
  work(context);
  return true;
}

bool memory_attempt(void (*work)(void *context), void *context, struct error *error) {
  if (attempt != NULL) {  // the outer attempt fails as a whole
    work(context);
    return true;
  }
  struct attempt mine = {.error = error};
  const bool good = run_attempt(&mine, work, context);
  attempt = NULL;
  for (size_t i = 0; i < mine.count && !good; i++) free(mine.blocks[i]);
  free(mine.blocks);
  return good;
}

void memory_require(size_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur >= bytes)
    return;
  error_fatal(
      "too little memory: the address space is limited to %llu MiB (ulimit -v, or a queue's "
      "h_vmem); at least %zu MiB are needed for MPI and HDF5, in addition to the data",
      (unsigned long long)limit.rlim_cur >> 20, bytes >> 20);
}
