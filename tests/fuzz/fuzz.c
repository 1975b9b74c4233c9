#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char directory[64], paths[FUZZ_FILES][128];

static void remove_files(void) {
  for (int i = 0; i < FUZZ_FILES; i++) unlink(paths[i]);
  rmdir(directory);
}

// In memory where that is a directory: HDF5 wants a path that exists, so memfd_create() will not
// do.
static void make_directory(void) {
  const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(directory, sizeof directory, "%s/gfe_fuzz_XXXXXX", parent);
  FUZZ_CHECK(mkdtemp(directory) != NULL, "cannot make a directory in %s", parent);
  for (int i = 0; i < FUZZ_FILES; i++)
    snprintf(paths[i], sizeof paths[i], "%s/input_%d", directory, i);
  atexit(remove_files);
}

const char *fuzz_file(int number, const void *data, size_t size) {
  if (directory[0] == '\0') make_directory();
  const int file = open(paths[number], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  FUZZ_CHECK(file >= 0 && write(file, data, size) == (ssize_t)size, "cannot write %s",
             paths[number]);
  close(file);
  return paths[number];
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
