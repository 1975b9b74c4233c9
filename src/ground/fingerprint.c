#include "ground/fingerprint.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground/checksum.h"
#include "ground/memory.h"

enum { BLOCK = 1 << 16, BLOCKS = 256, BLOCKS_OF_ALL = 16 * BLOCKS };

static uint64_t name_and_state(const char *name, const struct stat *status) {
  const uint64_t parts[] = {checksum(name, strlen(name), 0), (uint64_t)status->st_size,
                            (uint64_t)status->st_mtim.tv_sec, (uint64_t)status->st_mtim.tv_nsec};
  return checksum(parts, sizeof parts, 0);
}

static int64_t blocks_of_each(size_t files) {
  const int64_t share = BLOCKS_OF_ALL / (int64_t)files;
  return share > BLOCKS ? BLOCKS : share < 2 ? 2 : share;
}

// The bytes of all blocks, or of `most` of them, the first and the last among these.
static uint64_t sample(int file, int64_t bytes, int64_t most) {
  const int64_t all = (bytes + BLOCK - 1) / BLOCK, count = all < most ? all : most;
  char *block = memory_new(char, BLOCK);
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t at = count > 1 ? i * (all - 1) / (count - 1) : 0;
    const ssize_t got = pread(file, block, BLOCK, at * BLOCK);
    if (got > 0) sum += checksum(block, (size_t)got, (uint64_t)at * (BLOCK / 8));
  }
  memory_free(&block);
  return sum;
}

// In whatever order the directory lists its entries.
static uint64_t directory_fingerprint(const char *path) {
  DIR *directory = opendir(path);
  uint64_t sum = 1;
  if (directory == NULL) return sum;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct stat status;
    if (fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
      sum += name_and_state(entry->d_name, &status);
  }
  closedir(directory);
  return sum;
}

uint64_t fingerprint_content(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 0;
  char *block = memory_new(char, BLOCK);
  uint64_t sum = 1, place = 0;
  for (size_t got; (got = fread(block, 1, BLOCK, file)) > 0; place += BLOCK / 8)
    sum += checksum(block, got, place);
  if (ferror(file)) sum = 0;
  memory_free(&block);
  fclose(file);
  return sum;
}

uint64_t fingerprint(const char *path, size_t files) {
  struct stat status;
  if (stat(path, &status) != 0) return 0;
  if (S_ISDIR(status.st_mode)) return directory_fingerprint(path);
  if (!S_ISREG(status.st_mode)) return 1;
  uint64_t sum = name_and_state("", &status);
  const int file = open(path, O_RDONLY);
  if (file < 0) return sum;
  sum += sample(file, (int64_t)status.st_size, blocks_of_each(files));
  close(file);
  return sum != 0 ? sum : 1;
}
