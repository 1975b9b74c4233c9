#include "platform/h5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "ground/memory.h"

// ---- a file ----

void h5_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

struct h5_file *h5_new(const char *path, bool writes) {
  h5_silence();
  struct h5_file *file = memory_new(struct h5_file, 1);
  snprintf(file->path, sizeof file->path, "%s", path);
  file->directory = -1;
  file->writes = writes;
  return file;
}

static herr_t keep_innermost(unsigned depth, const H5E_error2_t *entry, void *text) {
  if (depth == 0) snprintf(text, H5_TEXT, "%s", entry->desc);
  return 0;
}

const char *h5_cause(char text[H5_TEXT]) {
  snprintf(text, H5_TEXT, "no reason given");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, text);
  for (char *at = text; *at != '\0'; at++)
    if (*at == '\n') *at = ' ';
  return text;
}

const char *h5_lock_hint(const char *cause) {
  int reason = 0;
  const char *number = strstr(cause, "lock file") != NULL ? strstr(cause, "errno = ") : NULL;
  if (number != NULL) reason = atoi(number + strlen("errno = "));
  if (reason == ENOLCK || reason == ENOSYS)
    return "; the file system has no locks: set HDF5_USE_FILE_LOCKING=FALSE";
  if (reason == EAGAIN || reason == EACCES || strstr(cause, "already open for write") != NULL)
    return "; another program has the file open for writing: wait until it closes it";
  return "";
}

const char *h5_no_space(const struct h5_file *file) {
  static const char block[1 << 16];
  static char text[128];
  const int descriptor = open(file->path, O_WRONLY | O_APPEND);
  if (descriptor < 0) return "";
  text[0] = '\0';
  for (int i = 0; i < 16 && text[0] == '\0'; i++)  // a disk that is filled to its end writes less
    if (write(descriptor, block, sizeof block) < 0)
      snprintf(text, sizeof text, "; %s", strerror(errno));
  close(descriptor);
  return text;
}

void h5_close(struct h5_file **file) {
  if (*file == NULL) return;
  const bool writes = (*file)->writes;
  h5_guard(*file);
  if (writes && H5Fflush((*file)->id, H5F_SCOPE_LOCAL) < 0) {
    char cause[H5_TEXT];
    error_fatal("cannot write %s: %s%s", (*file)->path, h5_cause(cause), h5_no_space(*file));
  }
  if (H5Fclose((*file)->id) < 0 && writes) {
    char cause[H5_TEXT];
    error_fatal("cannot close %s: %s%s", (*file)->path, h5_cause(cause), h5_no_space(*file));
  }
  h5_unguard(*file);
  if ((*file)->directory >= 0) close((*file)->directory);
  memory_free(file);
}

const char *h5_path(const struct h5_file *file) { return file->path; }

const char *h5_library(void) {
  static char version[32];
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(version, sizeof version, "HDF5 %u.%u.%u", major, minor, release);
  return version;
}

// ---- crashes ----

// HDF5 1.10 does not survive every damaged file: a wrong length in the metadata makes it access
// invalid memory. There is no way to check this in advance, and a child process that tries first
// would have to be forked under MPI. So the signals that end a process are caught while HDF5 reads,
// in order to name the file; but only then, because between two calls a rank may wait for others,
// and uses CPU time while it waits.

// Bytes; seconds until MPI must have ended; seconds of computing that no block of a file takes, and
// no attribute.
enum { STACK = 1 << 16, PATIENCE = 10, SECONDS_MAX = 120, ATTRIBUTE_SECONDS_MAX = 3 };

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGVTALRM};
enum { DEADLY = sizeof deadly / sizeof *deadly };

static struct sigaction before[DEADLY];
static stack_t stack_before;
static const struct h5_file *reading = NULL;  // whose call is being made
static int calls = 0;                         // of h5_guard() without h5_unguard()

static void set_timer(int seconds) {
  const struct itimerval time = {.it_value.tv_sec = seconds};
  setitimer(ITIMER_VIRTUAL, &time, NULL);
}

static void leave(int signal) {
  (void)signal;
  _exit(EXIT_CODE_ENVIRONMENT);
}

// The process is lost, and perhaps its heap is corrupted, so that ending MPI may hang or crash as
// well.
static void crashed(int signal) {
  struct sigaction end = {.sa_handler = leave};
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &end, NULL);
  sigaction(SIGALRM, &end, NULL);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, NULL);
  alarm(PATIENCE);
  error_fatal("%s = %s: HDF5 crashes or hangs on it (%s): the file is damaged", reading->key,
              reading->path, strsignal(signal));
}

static void guard(const struct h5_file *file, int seconds) {
  static char stack[STACK];
  if (file->writes || calls++ > 0) return;
  reading = file;
  const stack_t own = {.ss_sp = stack, .ss_size = STACK};
  sigaltstack(&own, &stack_before);
  struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &action, &before[i]);
  set_timer(seconds);
}

void h5_guard(const struct h5_file *file) { guard(file, SECONDS_MAX); }

void h5_guard_attribute(const struct h5_file *file) { guard(file, ATTRIBUTE_SECONDS_MAX); }

void h5_unguard(const struct h5_file *file) {
  if (file->writes || --calls > 0) return;
  set_timer(0);
  for (int i = 0; i < DEADLY; i++) sigaction(deadly[i], &before[i], NULL);
  sigaltstack(&stack_before, NULL);
}

// ---- datasets ----

char h5_kind_of(hid_t type, int *bytes) {
  const H5T_class_t class = H5Tget_class(type);
  *bytes = (int)H5Tget_size(type);
  if (class == H5T_FLOAT) return 'f';
  if (class == H5T_ENUM || (class == H5T_BITFIELD && *bytes == 1)) return 'u';
  if (class != H5T_INTEGER) return 0;
  return H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i';
}

// Whether HDF5 would look for a dataset's first external raw file in the wrong place.
static bool is_astray(hid_t dataset) {
  char name[H5_PATH] = "";
  off_t offset;
  hsize_t size;
  const hid_t properties = H5Dget_create_plist(dataset);
  const bool external = H5Pget_external_count(properties) > 0 &&
                        H5Pget_external(properties, 0, sizeof name - 1, name, &offset, &size) >= 0;
  H5Pclose(properties);
  return external && name[0] != '/' && access(name, F_OK) != 0;
}

hid_t h5_open_dataset(const struct h5_file *file, const char *dataset) {
  const hid_t plain = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  if (plain < 0 || !is_astray(plain)) return plain;
  H5Dclose(plain);
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_efile_prefix(access, "${ORIGIN}");
  const hid_t beside = H5Dopen2(file->id, dataset, access);
  H5Pclose(access);
  return beside;
}

// ---- rows of a dataset ----

static hid_t memory_type(enum h5_type type) {
  switch (type) {
    case H5_REAL:
      return sizeof(real) == sizeof(double) ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT;
    case H5_DOUBLE:
      return H5T_NATIVE_DOUBLE;
    case H5_INT64:
      return H5T_NATIVE_INT64;
    case H5_INT8:
      return H5T_NATIVE_INT8;
  }
  error_fatal("unknown element type %d", (int)type);
}

bool h5_extent(hid_t dataset, int *axes, hsize_t lengths[H5_AXES]) {
  const hid_t space = H5Dget_space(dataset);
  if (space < 0) return false;
  *axes = H5Sget_simple_extent_ndims(space);
  const bool good =
      *axes >= 0 && *axes <= H5_AXES && H5Sget_simple_extent_dims(space, lengths, NULL) >= 0;
  H5Sclose(space);
  return good;
}

bool h5_open_rows(const struct h5_file *file, const char *dataset, enum h5_type type,
                  struct h5_rows *rows) {
  *rows = (struct h5_rows){.type = memory_type(type)};
  rows->dataset = h5_open_dataset(file, dataset);
  if (rows->dataset < 0) return false;
  if (!h5_extent(rows->dataset, &rows->axes, rows->lengths) || rows->axes == 0) {
    H5Dclose(rows->dataset);
    return false;
  }
  rows->row_bytes = H5Tget_size(rows->type);
  for (int a = 1; a < rows->axes; a++) rows->row_bytes *= rows->lengths[a];
  return true;
}

struct h5_selection h5_select(const struct h5_rows *rows, hsize_t first, hsize_t count) {
  const hsize_t start[H5_AXES] = {first};
  hsize_t block[H5_AXES];
  memcpy(block, rows->lengths, sizeof block);
  block[0] = count;
  const struct h5_selection selection = {.file = H5Dget_space(rows->dataset),
                                         .memory = H5Screate_simple(rows->axes, block, NULL)};
  if (count == 0) {
    H5Sselect_none(selection.file);
    H5Sselect_none(selection.memory);
  } else {
    H5Sselect_hyperslab(selection.file, H5S_SELECT_SET, start, NULL, block, NULL);
  }
  return selection;
}

void h5_deselect(struct h5_selection selection) {
  H5Sclose(selection.file);
  H5Sclose(selection.memory);
}
