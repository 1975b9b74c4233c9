#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/checkpoint_internal.h"
#include "ground/checksum.h"
#include "platform/distribution.h"
#include "ground/memory.h"

static const char magic[] = "gfe_hpc checkpoint";

// The text up to its own checksum.
static int format_block(char block[CHECKPOINT_BLOCK], const struct checkpoint_header *header) {
  return snprintf(block, CHECKPOINT_BLOCK,
                  "%s\nbytes %" PRId64 "\nserial %" PRId64 "\nsum %016" PRIx64 "\n", magic,
                  header->bytes, header->serial, header->sum);
}

static void fill_block(char block[CHECKPOINT_BLOCK], const struct checkpoint_header *header) {
  memset(block, '\n', CHECKPOINT_BLOCK);
  const int length = format_block(block, header);
  char line[64];
  const int more =
      snprintf(line, sizeof line, "check %016" PRIx64 "\n", checksum(block, (size_t)length, 0));
  memcpy(block + length, line, (size_t)more);
}

void checkpoint_seal(const char *path, const struct checkpoint_header *header) {
  char block[CHECKPOINT_BLOCK];
  fill_block(block, header);
  const int file = open(path, O_WRONLY);
  if (file < 0 || pwrite(file, block, sizeof block, 0) != sizeof block || fsync(file) != 0 ||
      close(file) != 0)
    error_fatal("cannot write %s: %s", path, strerror(errno));
}

static bool read_block(const char *path, char block[CHECKPOINT_BLOCK + 1], int64_t *bytes,
                       struct error *reason) {
  const int file = open(path, O_RDONLY);
  if (file < 0)
    return errno != ENOENT && error_set(reason, "cannot be opened: %s", strerror(errno));
  struct stat status;
  const bool good =
      fstat(file, &status) == 0 && pread(file, block, CHECKPOINT_BLOCK, 0) == CHECKPOINT_BLOCK;
  close(file);
  block[CHECKPOINT_BLOCK] = '\0';
  *bytes = good ? (int64_t)status.st_size : 0;
  return good || error_set(reason, "is cut short");
}

bool checkpoint_header_read(const char *path, struct checkpoint_header *header,
                            struct error *reason) {
  char block[CHECKPOINT_BLOCK + 1], expected[CHECKPOINT_BLOCK];
  int64_t bytes = 0;
  if (!read_block(path, block, &bytes, reason)) return false;
  *header = (struct checkpoint_header){.bytes = 0};
  const int values =
      sscanf(block, "gfe_hpc checkpoint bytes %" SCNd64 " serial %" SCNd64 " sum %" SCNx64,
             &header->bytes, &header->serial, &header->sum);
  fill_block(expected, header);
  if (values != 3 || memcmp(block, expected, sizeof expected) != 0)
    return error_set(reason, "is incomplete or damaged at its beginning");
  if (header->bytes != bytes)
    return error_set(reason, "has %" PRId64 " bytes in place of %" PRId64, bytes, header->bytes);
  return true;
}

// The sum over the words [first, first + count) behind the block; false if they cannot be read.
static bool sum_words(int file, int64_t first, int64_t count, int64_t bytes, uint64_t *sum) {
  enum { WORDS = 1 << 19 };
  char *buffer = memory_new(char, 8 * WORDS);
  bool good = true;
  for (const int64_t end = first + count; first < end && good; first += WORDS) {
    const int64_t begin = 8 * first, stop = 8 * (end - first < WORDS ? end : first + WORDS);
    const size_t wanted = (size_t)((stop < bytes ? stop : bytes) - begin);
    size_t done = 0;
    for (ssize_t got; done < wanted; done += (size_t)got) {
      got = pread(file, buffer + done, wanted - done, CHECKPOINT_BLOCK + begin + (int64_t)done);
      if (got <= 0) break;
    }
    good = done == wanted;
    *sum += checksum(buffer, done, (uint64_t)first);
  }
  memory_free(&buffer);
  return good;
}

bool checkpoint_sum(struct comm *comm, const char *path, int64_t bytes, uint64_t *sum) {
  const int64_t behind = bytes - CHECKPOINT_BLOCK, words = (behind + 7) / 8;
  const int64_t first = distribution_first(words, comm_size(comm), comm_rank(comm));
  const int64_t end = distribution_first(words, comm_size(comm), comm_rank(comm) + 1);
  const int file = open(path, O_RDONLY);
  uint64_t part = 0;
  int64_t failed = file < 0 || !sum_words(file, first, end - first, behind, &part);
  if (file >= 0) close(file);
  comm_max_int64(comm, &failed, 1);
  comm_sum_int64(comm, (int64_t *)&part, 1);
  *sum = part;
  return !failed;
}
