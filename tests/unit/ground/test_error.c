#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ground/error.h"
#include "support/test.h"

static void first_message_stands(void) {
  struct error error = {""};
  CHECK(!error_is_set(&error), "a new error is empty");
  CHECK(!error_set(&error, "first %d", 1), "error_set returns false");
  error_set(&error, "second");
  CHECK(strcmp(error.text, "first 1") == 0, "text is %s", error.text);
}

static void messages_are_one_line(void) {
  struct error error = {""};
  error_set(&error, "x = %s", "two\nlines\x1b[2J\x7f");
  CHECK(strcmp(error.text, "x = two lines [2J ") == 0, "text is %s", error.text);
}

static void nearest_name(void) {
  const char *names[] = {"tolerance", "solver", NULL, "epochs"};
  const char *nearest = error_nearest("tolerence", names, 4);
  CHECK(nearest != NULL && strcmp(nearest, "tolerance") == 0, "nearest of tolerence");
  nearest = error_nearest("Epoch", names, 4);
  CHECK(nearest != NULL && strcmp(nearest, "epochs") == 0, "nearest of Epoch");
  CHECK(error_nearest("xyz", names, 4) == NULL, "nothing is near xyz");
}

static void fatal_ends_with_code_3(void) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
    error_fatal("disk %s", "full");
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CODE_ENVIRONMENT, "status %d", status);
}

int main(void) {
  first_message_stands();
  messages_are_one_line();
  nearest_name();
  fatal_ends_with_code_3();
  return test_summary();
}
