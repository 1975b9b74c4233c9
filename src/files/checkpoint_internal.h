// What writing (checkpoint.c) and reading (checkpoint_read.c) share. For them and their test only.
#ifndef GFE_CHECKPOINT_INTERNAL_H
#define GFE_CHECKPOINT_INTERNAL_H

#include "engine/run.h"
#include "ground/state.h"
#include "platform/h5.h"

// To be raised whenever earlier states can no longer be read.
#define CHECKPOINT_LAYOUT "3"

enum { CHECKPOINT_PATH = CONFIG_TEXT + 256, CHECKPOINT_BLOCK = 512 };

struct checkpoint {
  struct run *run;
  const char *command;
  char current[CHECKPOINT_PATH], previous[CHECKPOINT_PATH];
  char *partial;                 // owned
  bool rotates;                  // checkpoint.h5 is intact, and worth keeping as checkpoint.h5.prev
  int64_t serial;                // of the last one written or read
  double seconds;                // what the last one took
  bool data_changed[SET_COUNT];  // since the one that is open was written
  char source[CHECKPOINT_PATH];  // the one that is open for reading, or empty
};

// ---- the block of text in front, and the bytes behind it ----

struct checkpoint_header {
  int64_t bytes;   // of the whole file
  int64_t serial;  // counts the checkpoints of a run
  uint64_t sum;    // of all bytes behind the block
};

// The checksum of the file behind its block, each rank reading a part. False if it cannot be read
// or is not `bytes` long. Collective.
bool checkpoint_sum(struct comm *comm, const char *path, int64_t bytes, uint64_t *sum);

// Whether there is a complete and undamaged checkpoint at a path. Collective.
bool checkpoint_is_whole(struct comm *comm, const char *path);

// Replaces checkpoint.h5 by a complete new checkpoint; the old one becomes checkpoint.h5.prev if it
// is `whole`. By rank 0 alone.
void checkpoint_rotate(const struct checkpoint *c, const char *path, bool whole);

// Writes the block and flushes the whole file to disk. Failures are the environment's errors. By
// rank 0 alone.
void checkpoint_seal(const char *path, const struct checkpoint_header *header);

// Reads the block. False with a reason if it is not that of a complete checkpoint; the reason is
// empty if there is no file. By rank 0 alone.
bool checkpoint_header_read(const char *path, struct checkpoint_header *header,
                            struct error *reason);

// ---- fields ----

enum h5_type checkpoint_type(const struct state_field *field);

// Adds to *sum the checksum of `count` rows in a gap-free block that begins with row `first` of the
// whole field.
void checkpoint_add_rows(const struct state_field *field, int64_t first, int64_t count,
                         const void *block, uint64_t *sum);

#endif
