// The checks of the unit tests. A test is a program: it calls CHECK() as often as it likes and ends
// with `return test_summary();`.
#ifndef GFE_TEST_H
#define GFE_TEST_H

#include <stdio.h>

static int test_passed = 0, test_failed = 0;

// Counts a check; a false one is reported with its place and a message and does not end the test.
#define CHECK(condition, ...)                                \
  do {                                                       \
    if (condition) {                                         \
      test_passed++;                                         \
    } else {                                                 \
      test_failed++;                                         \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      printf(__VA_ARGS__);                                   \
      putchar('\n');                                         \
    }                                                        \
  } while (0)

// Prints the count and returns the exit code: 0 only if some check was made and none failed.
static inline int test_summary(void) {
  printf("%d passed, %d failed\n", test_passed, test_failed);
  fflush(stdout);
  return test_failed == 0 && test_passed > 0 ? 0 : 1;
}

#endif
