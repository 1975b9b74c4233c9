#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(int number, const void *data, size_t size) {
  static char paths[FUZZ_FILES][32];
  static int files[FUZZ_FILES];
  char *path = paths[number];
  if (path[0] == '\0') {
    files[number] = memfd_create("fuzz", 0);
    snprintf(path, sizeof *paths, "/proc/self/fd/%d", files[number]);
  }
  FUZZ_CHECK(
      ftruncate(files[number], 0) == 0 && pwrite(files[number], data, size, 0) == (ssize_t)size,
      "cannot write a file in memory");
  return path;
}

static struct comm *comm = NULL;

static void end_comm(void) { comm_finish(&comm); }

struct comm *fuzz_comm(void) {
  static char name[] = "fuzz", *arguments[] = {name, NULL};
  static int count = 1;
  char **list = arguments;
  if (comm != NULL) return comm;
  comm = comm_start(&count, &list);
  atexit(end_comm);
  return comm;
}

void fuzz_check_message(const struct error *error, const char *place) {
  FUZZ_CHECK(error_is_set(error), "refused without a message");
  for (const char *at = error->text; *at != '\0'; at++)
    FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7F, "byte %d of the message is 0x%02X: %s",
               (int)(at - error->text), (unsigned)(unsigned char)*at, error->text);
  FUZZ_CHECK(strstr(error->text, place) != NULL, "the message does not name %s: %s", place,
             error->text);
}

unsigned fuzz_next(struct fuzz_bytes *bytes) {
  if (bytes->size == 0) return 0;
  bytes->size--;
  return *bytes->data++;
}
