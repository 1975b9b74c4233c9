// A disk and a clock that fail, for LD_PRELOAD. Below the directory GFE_FAULTS_UNDER, call number
// GFE_FAULTS_AFTER of the kind GFE_FAULTS fails, and all later ones unless GFE_FAULTS_ONCE is set:
//
//   read      read, pread: EIO
//   write     write, pwrite: EIO
//   full      write, pwrite: ENOSPC
//   quota     write, pwrite, renaming: EDQUOT
//   short     write, pwrite: only a part is written
//   sync      fsync: EIO
//   readonly  opening to write, renaming: EROFS
//   opening   opening to write inside MPI_File_open() only: EROFS
//   clock     no disk: GFE_FAULTS_BY seconds are added to the time of day from then on
//
// GFE_FAULTS_RANK limits this to one rank, GFE_FAULTS_NAME to files whose path contains it.
// GFE_FAULTS_HASTE divides the seconds of alarm(). Files with which Open MPI tries out locks
// (.locktest) are left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_rank(void) {
  const char *wanted = getenv("GFE_FAULTS_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  return wanted == NULL || strcmp(wanted, rank != NULL ? rank : "0") == 0;
}

static bool is_kind(const char *kind) {
  const char *wanted = getenv("GFE_FAULTS");
  return wanted != NULL && strcmp(wanted, kind) == 0 && is_rank();
}

// Whether this call, one more of its kind, is to fail.
static bool is_due(void) {
  static atomic_long calls;
  const char *after = getenv("GFE_FAULTS_AFTER");
  const long wanted = after == NULL ? 0 : atol(after), call = atomic_fetch_add(&calls, 1);
  return getenv("GFE_FAULTS_ONCE") != NULL ? call == wanted : call >= wanted;
}

static bool is_below(const char *path) {
  const char *under = getenv("GFE_FAULTS_UNDER"), *name = getenv("GFE_FAULTS_NAME");
  return under != NULL && strncmp(path, under, strlen(under)) == 0 &&
         (name == NULL || strstr(path, name) != NULL);
}

static bool is_file_below(int file) {
  char link[64], path[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  return readlink(link, path, sizeof path - 1) > 0 && is_below(path);
}

// Whether a write to `file` is to fail with *reason; or, with 0 there, is to write a part alone.
static bool write_fails(int file, int *reason) {
  const char *const kinds[] = {"write", "full", "quota", "short"};
  const int reasons[] = {EIO, ENOSPC, EDQUOT, 0};
  for (int k = 0; k < 4; k++) {
    if (!is_kind(kinds[k]) || !is_file_below(file) || !is_due()) continue;
    *reason = reasons[k];
    return true;
  }
  return false;
}

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef ssize_t (*read_call)(int, void *, size_t);
typedef ssize_t (*pread_call)(int, void *, size_t, off_t);

ssize_t write(int file, const void *data, size_t bytes) {
  int reason;
  if (write_fails(file, &reason)) {
    if (reason == 0 && bytes > 1) return REAL(write_call, "write")(file, data, bytes / 2);
    errno = reason;
    if (reason != 0) return -1;
  }
  return REAL(write_call, "write")(file, data, bytes);
}

static ssize_t write_at(const char *name, int file, const void *data, size_t bytes, off_t place) {
  int reason;
  if (write_fails(file, &reason)) {
    if (reason == 0 && bytes > 1) return REAL(pwrite_call, name)(file, data, bytes / 2, place);
    errno = reason;
    if (reason != 0) return -1;
  }
  return REAL(pwrite_call, name)(file, data, bytes, place);
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t place) {
  return write_at("pwrite", file, data, bytes, place);
}

ssize_t pwrite64(int file, const void *data, size_t bytes, off_t place) {
  return write_at("pwrite64", file, data, bytes, place);
}

static bool read_fails(int file) {
  if (!is_kind("read") || !is_file_below(file) || !is_due()) return false;
  errno = EIO;
  return true;
}

ssize_t read(int file, void *data, size_t bytes) {
  return read_fails(file) ? -1 : REAL(read_call, "read")(file, data, bytes);
}

ssize_t pread(int file, void *data, size_t bytes, off_t place) {
  return read_fails(file) ? -1 : REAL(pread_call, "pread")(file, data, bytes, place);
}

ssize_t pread64(int file, void *data, size_t bytes, off_t place) {
  return read_fails(file) ? -1 : REAL(pread_call, "pread64")(file, data, bytes, place);
}

int fsync(int file) {
  if (is_kind("sync") && is_file_below(file) && is_due()) {
    errno = EIO;
    return -1;
  }
  return REAL(int (*)(int), "fsync")(file);
}

static bool is_inside_open;  // of MPI

// Handles of MPI are passed on as they are.
int MPI_File_open(void *ranks, const char *path, int mode, void *info, void *file) {
  is_inside_open = true;
  const int code = REAL(int (*)(void *, const char *, int, void *, void *), "MPI_File_open")(
      ranks, path, mode, info, file);
  is_inside_open = false;
  return code;
}

// A relative path is one below the directory: the program runs beside it.
static bool is_read_only(const char *path, int flags) {
  const bool opens = is_kind("opening") && is_inside_open && strstr(path, ".locktest") == NULL;
  if (!is_kind("readonly") && !opens) return false;
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) == 0) return false;
  char whole[2 * PATH_MAX];
  const char *slash = strrchr(path, '/');
  char folder[PATH_MAX], parent[PATH_MAX];
  snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path),
           slash == NULL ? "." : path);
  if (realpath(folder, parent) == NULL) return false;
  snprintf(whole, sizeof whole, "%s/%s", parent, slash == NULL ? path : slash + 1);
  if (!is_below(whole) || !is_due()) return false;
  errno = EROFS;
  return true;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  if (is_read_only(path, flags)) return -1;
  return REAL(int (*)(const char *, int, ...), name)(path, flags, mode);
}

#define MODE_OF(flags, last)                  \
  mode_t mode = 0;                            \
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list arguments;                        \
    va_start(arguments, last);                \
    mode = va_arg(arguments, mode_t);         \
    va_end(arguments);                        \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags, flags)
  return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags, flags)
  return open_as("open64", path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
  if (strpbrk(mode, "wa+") != NULL && is_read_only(path, O_WRONLY)) return NULL;
  return REAL(FILE * (*)(const char *, const char *), "fopen")(path, mode);
}

int rename(const char *from, const char *to) {
  if (is_read_only(to, O_WRONLY)) return -1;
  char whole[PATH_MAX];
  if (is_kind("quota") && realpath(from, whole) != NULL && is_below(whole) && is_due()) {
    errno = EDQUOT;
    return -1;
  }
  return REAL(int (*)(const char *, const char *), "rename")(from, to);
}

static time_t jump(void) {
  static atomic_bool jumped;
  if (!is_kind("clock")) return 0;
  if (!jumped) jumped = is_due();
  const char *by = getenv("GFE_FAULTS_BY");
  return jumped && by != NULL ? (time_t)atol(by) : 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  const int code = REAL(int (*)(clockid_t, struct timespec *), "clock_gettime")(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += jump();
  return code;
}

unsigned int alarm(unsigned int seconds) {
  const char *text = getenv("GFE_FAULTS_HASTE");
  const unsigned haste = text == NULL ? 1 : (unsigned)atoi(text), soon = seconds / haste;
  return REAL(unsigned (*)(unsigned), "alarm")(seconds > 0 && soon == 0 ? 1 : soon);
}
