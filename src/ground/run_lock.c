#include "ground/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ground/directory.h"
#include "ground/memory.h"

enum { TEXT = 512, BEAT = 20, STALE = 300 };  // bytes; seconds

static char *lock_path;              // of what this process holds, owned; NULL: nothing
static int lock_file = -1;           // with the lock; -1: by heartbeat
static int lock_directory = -1;      // open, so that no other directory can get its number
static char lock_text[TEXT];         // what run.lock says of this process
static volatile sig_atomic_t beats;  // 1 while the heartbeat runs

const char *run_lock_owner(void) {
  static char owner[128];
  char host[65] = "";
  gethostname(host, sizeof host - 1);
  for (char *c = host; *c != '\0'; c++)
    if (*c == '/') *c = '_';
  snprintf(owner, sizeof owner, "%s.%lld", host, (long long)getpid());
  return owner;
}

static void describe(char text[TEXT]) {
  const char *job = getenv("SLURM_JOB_ID");
  char host[65] = "", now[64];
  struct tm local;
  const time_t seconds = time(NULL);
  gethostname(host, sizeof host - 1);
  strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S %z", localtime_r(&seconds, &local));
  snprintf(text, TEXT, "process %lld on %s%s%.64s, since %s", (long long)getpid(), host,
           job != NULL ? ", Slurm job " : "", job != NULL ? job : "", now);
}

// What the file says of its holder; empty if nothing.
static void read_text(const char *path, char text[TEXT]) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? 0 : read(file, text, TEXT - 1);
  text[got > 0 ? got : 0] = '\0';
  if (file >= 0) close(file);
}

static bool refuse(const char *directory, const char *holder, struct error *error) {
  return error_set(error,
                   "run.directory = %s: another job is working there (%s); wait until it has "
                   "ended, or "
                   "give another run.directory",
                   directory, holder[0] != '\0' ? holder : "not identified yet");
}

// ---- by the system's lock ----

enum verdict { TAKEN, HELD, AGAIN, NO_LOCKS };

// Whether the path still names the open file, which its holder removes on exit.
static bool is_at(int file, const char *path) {
  struct stat opened, there;
  return fstat(file, &opened) == 0 && stat(path, &there) == 0 && opened.st_dev == there.st_dev &&
         opened.st_ino == there.st_ino;
}

static enum verdict lock(const char *path) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) error_fatal("cannot write %s: %s", path, strerror(errno));
  enum verdict verdict = TAKEN;
  if (fcntl(file, F_SETLK, &whole) != 0) {
    const bool held = errno == EACCES || errno == EAGAIN;
    verdict = held ? HELD : errno == EINTR ? AGAIN : NO_LOCKS;
  } else if (!is_at(file, path)) {
    verdict = AGAIN;
  }
  if (verdict != TAKEN) {
    close(file);
    return verdict;
  }
  // If there is no space for the text, the lock is still held; only its holder cannot be named.
  const size_t length = strlen(lock_text);
  if (ftruncate(file, 0) == 0 && pwrite(file, lock_text, length, 0) == (ssize_t)length) fsync(file);
  lock_file = file;
  return TAKEN;
}

// ---- by heartbeat ----

static void *beat(void *unused) {
  (void)unused;
  for (int seconds = 0; beats; seconds++) {
    sleep(1);
    if (seconds % BEAT != 0) continue;
    char text[TEXT];
    read_text(lock_path, text);
    if (beats && text[0] != '\0' && strcmp(text, lock_text) != 0)
      error_fatal("%s: another job has taken this directory (%s)", lock_path, text);
    utimensat(AT_FDCWD, lock_path, NULL, 0);
  }
  return NULL;
}

// Signals are left to the main thread.
static void begin_to_beat(void) {
  static pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  beats = 1;
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&thread, NULL, beat, NULL) != 0 || pthread_detach(thread) != 0)
    error_fatal("cannot start a thread");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void write_own(const char *path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const size_t length = strlen(lock_text);
  if (file < 0 || write(file, lock_text, length) != (ssize_t)length || close(file) != 0)
    error_fatal("cannot write %s: %s", path, strerror(errno));
}

// Removes a file without a heartbeat, unless it has just got another holder: by renaming, at which
// only one of several processes can succeed.
static void take_away(const char *path, const char *aside, const char *seen) {
  char text[TEXT];
  if (rename(path, aside) != 0) return;
  read_text(aside, text);
  if (strcmp(text, seen) != 0 && link(aside, path) != 0)
    error_fatal("%s: two jobs are starting here at the same time", path);
  unlink(aside);
}

// The age of the file is measured by the file system's own clock, through `own`, which was just
// written.
static enum verdict try_heartbeat(const char *path, const char *own, const char *aside) {
  struct stat there, now;
  char text[TEXT];
  write_own(own);
  const bool taken = link(own, path) == 0;
  const bool seen = stat(path, &there) == 0 && stat(own, &now) == 0;
  unlink(own);
  if (taken) return TAKEN;
  if (!seen) return AGAIN;
  read_text(path, text);
  if (text[0] != '\0' && now.st_mtim.tv_sec - there.st_mtim.tv_sec < STALE) return HELD;
  take_away(path, aside, text);
  return AGAIN;
}

static enum verdict lock_by_heartbeat(const char *directory, const char *path) {
  char name[192];
  snprintf(name, sizeof name, "run.lock.partial.%s", run_lock_owner());
  char *own = directory_path(directory, name);
  snprintf(name, sizeof name, "run.lock.partial.%s.old", run_lock_owner());
  char *aside = directory_path(directory, name);
  enum verdict verdict = AGAIN;
  while (verdict == AGAIN) verdict = try_heartbeat(path, own, aside);
  memory_free(&own);
  memory_free(&aside);
  return verdict;
}

// ---- both ----

bool run_lock_take(const char *directory, struct error *error) {
  static bool registered = false;
  if (!registered) atexit(run_lock_release);  // where the user's mistakes end the program
  registered = true;
  char *path = directory_path(directory, "run.lock");
  describe(lock_text);
  enum verdict verdict = AGAIN;
  while (verdict == AGAIN) verdict = lock(path);
  const bool heartbeat = verdict == NO_LOCKS;
  if (heartbeat) verdict = lock_by_heartbeat(directory, path);
  if (verdict == TAKEN) {
    lock_path = path;
    lock_directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (heartbeat) begin_to_beat();
    return true;
  }
  char holder[TEXT];
  read_text(path, holder);
  memory_free(&path);
  return refuse(directory, holder, error);
}

bool run_lock_is_free(const char *directory, struct error *error) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char *path = directory_path(directory, "run.lock"), holder[TEXT];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const bool held = file >= 0 && fcntl(file, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  if (file >= 0) close(file);
  read_text(path, holder);
  memory_free(&path);
  return !held || refuse(directory, holder, error);
}

// Whether the path of the lock no longer leads to the directory that was locked.
static bool is_moved(void) {
  const size_t length = (size_t)(strrchr(lock_path, '/') - lock_path);
  char *directory = memory_new(char, length + 1);
  memcpy(directory, lock_path, length);
  struct stat there, locked;
  const bool seen = stat(directory, &there) == 0, gone = !seen && errno == ENOENT;
  memory_free(&directory);
  return gone || (seen && fstat(lock_directory, &locked) == 0 &&
                  (there.st_dev != locked.st_dev || there.st_ino != locked.st_ino));
}

void run_lock_confirm(void) {
  char holder[TEXT];
  if (lock_path == NULL) return;
  if (is_moved())
    error_fatal(
        "the run directory was moved, removed or replaced while this job was working there "
        "(%s); nothing is written there any more",
        lock_path);
  if (lock_file < 0 || is_at(lock_file, lock_path) || access(lock_path, F_OK) != 0) return;
  read_text(lock_path, holder);
  error_fatal("%s: another job has taken this directory (%s)", lock_path, holder);
}

// The file is removed while the lock is held, so that no other job can take it in between (is_at);
// but not that of another job, where the directory is no longer the same.
void run_lock_release(void) {
  if (lock_path == NULL) return;
  beats = 0;
  if (!is_moved() && (lock_file < 0 || is_at(lock_file, lock_path))) unlink(lock_path);
  if (lock_file >= 0) close(lock_file);
  if (lock_directory >= 0) close(lock_directory);
  lock_file = lock_directory = -1;
  lock_path = NULL;  // not freed: the heartbeat may be looking at it
}
