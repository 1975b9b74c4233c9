// A rank that does not agree with rank 0 ends with exit code 3 and a message that names both. The
// other rank is simulated.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ground/agreement.h"
#include "support/test.h"

static char said_by_first[1024];  // what rank 0 broadcasts
static size_t said_bytes;

static void record(void *context, void *data, size_t bytes, int root) {
  (void)context, (void)root;
  memcpy(said_by_first, data, said_bytes = bytes);
}

static void replay(void *context, void *data, size_t bytes, int root) {
  (void)context;
  CHECK(bytes == said_bytes && root == 0, "the same message on all ranks");
  memcpy(data, said_by_first, bytes);
}

static const struct ranks first = {.rank = 0, .size = 2, .broadcast = record},
                          second = {.rank = 1, .size = 2, .broadcast = replay};

// Rank 1's exit code, and what it prints, [size].
static int disagree(const char *text, char *printed, size_t size) {
  int ends[2], status = 0;
  if (pipe(ends) != 0) exit(1);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    agreement_check(&second, "the program", text);
    _exit(0);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; (got = read(ends[0], printed + length, size - 1 - length)) > 0;)
    length += (size_t)got;
  printed[length] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

int main(void) {
  char printed[8192], host[128] = "", expected[256];
  gethostname(host, sizeof host - 1);
  agreement_check(&first, "the program", "version 1");
  CHECK(disagree("version 1", printed, sizeof printed) == 0, "the same: %s", printed);
  CHECK(disagree("version 2", printed, sizeof printed) == 3, "another: %s", printed);
  snprintf(expected, sizeof expected,
           "the program differs between ranks: version 2 on host %.64s (rank 1), version 1 on host "
           "%.64s (rank 0)",
           host, host);
  CHECK(strstr(printed, expected) != NULL, "not '%s': %s", expected, printed);
  agreement_check_bytes(&first, "the memory", "abc", 3);
  agreement_check_bytes(&second, "the memory", "abc", 3);
  return test_summary();
}
