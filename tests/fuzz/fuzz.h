// What the fuzz targets share. A target is one file fuzz_NAME.c with libFuzzer's entry point;
// linked with driver.c instead of libFuzzer it is the test that runs the corpus.
#ifndef GFE_FUZZ_H
#define GFE_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ground/error.h"
#include "platform/comm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What must hold for every input: if it does not, the process ends as in a crash.
#define FUZZ_CHECK(condition, ...)                                    \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                                   \
      fputc('\n', stderr);                                            \
      abort();                                                        \
    }                                                                 \
  } while (0)

enum { FUZZ_FILES = 4 };

// Puts the bytes in file `number` of FUZZ_FILES, in a directory that goes when the process ends;
// returns its path (static), always the same.
const char *fuzz_file(int number, const void *data, size_t size);

// MPI as a single process, started by the first call and ended with the process.
struct comm *fuzz_comm(void);

// Checks that a refusal is one line of plain text that holds `place`, a file or a key.
void fuzz_check_message(const struct error *error, const char *place);

// The bytes of an input, one by one; 0 when there are no more, so that a short input makes the
// plain choices.
struct fuzz_bytes {
  const uint8_t *data;
  size_t size;
};
unsigned fuzz_next(struct fuzz_bytes *bytes);

#endif
