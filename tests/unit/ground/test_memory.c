#include <stdint.h>
#include <string.h>

#include "ground/memory.h"
#include "support/no_memory.h"
#include "support/test.h"

// Blocks one after the other, the last one of `size` bytes.
struct job {
  size_t size;
  char *blocks[100], *last;
};

static void take(void *context) {
  struct job *job = context;
  for (int i = 0; i < 100; i++) job->blocks[i] = memory_new(char, 1000);
  for (int i = 0; i < 100; i += 3) memory_free(&job->blocks[i]);
  job->last = memory_new(char, job->size);
}

static void take_twice(void *context) {
  struct error inner = {""};
  struct job fitting = {.size = 10};
  CHECK(memory_attempt(take, &fitting, &inner), "the inner attempt succeeds");
  memory_attempt(take, context, &inner);
  CHECK(0, "the outer attempt has failed as a whole");
}

static void attempts(void) {
  struct error error = {""};
  struct job job = {.size = 10};
  CHECK(memory_attempt(take, &job, &error) && !error_is_set(&error), "what fits: %s", error.text);
  for (int i = 0; i < 100; i++) memory_free(&job.blocks[i]);
  CHECK(job.last != NULL && job.last[9] == 0, "what was taken stays");
  memory_free(&job.last);

  job.size = SIZE_MAX / 4;
  CHECK(!memory_attempt(take, &job, &error), "more than there is");
  CHECK(job.last == NULL && strstr(error.text, "out of memory") != NULL, "%s", error.text);
  error = (struct error){""};
  job.size = SIZE_MAX - 10;
  CHECK(!memory_attempt(take_twice, &job, &error) && error_is_set(&error), "an attempt in another");
}

int main(void) {
  attempts();
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
