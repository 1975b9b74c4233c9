// The block in front of a checkpoint and the checksum of the bytes behind it. Whole runs that are
// stopped and damaged: test_job.py.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/checkpoint_internal.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"
#include "support/scratch.h"

enum { BYTES = CHECKPOINT_BLOCK + 3001 };  // not whole words

static void read_file(const char *path, char *bytes, size_t count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fread(bytes, 1, count, file) != count) error_fatal("cannot read %s", path);
  fclose(file);
}

// Whether a file is trusted, as checkpoint_open() decides it. Collective.
static bool trusted(struct comm *comm, const char *path, struct error *reason) {
  struct checkpoint_header header = {.bytes = 0};
  int64_t whole = 0;
  if (comm_rank(comm) == 0) whole = checkpoint_header_read(path, &header, reason);
  comm_broadcast(comm, &whole, sizeof whole, 0);
  comm_broadcast(comm, &header, sizeof header, 0);
  uint64_t sum = 0;
  return whole && checkpoint_sum(comm, path, header.bytes, &sum) && sum == header.sum;
}

static void test_whole(struct comm *comm, const char *path, char *good) {
  struct error reason = {""};
  struct checkpoint_header header = {.bytes = BYTES, .serial = 42};
  for (uint64_t i = 0; i < BYTES; i++) good[i] = (char)rng_bits(1, RNG_TEST, i, 0);
  scratch_write(comm, "checkpoint", good, BYTES);
  CHECK(!trusted(comm, path, &reason), "a file that was never sealed");
  CHECK(comm_rank(comm) != 0 || strstr(reason.text, "incomplete") != NULL, "said '%s'",
        reason.text);
  CHECK(checkpoint_sum(comm, path, BYTES, &header.sum), "the bytes can be read");
  mpi_test_same_bits(comm, "sum", &header.sum, sizeof header.sum);
  if (comm_rank(comm) == 0) checkpoint_seal(path, &header);
  comm_barrier(comm);
  reason.text[0] = '\0';
  CHECK(trusted(comm, path, &reason), "sealed, but %s", reason.text);
  struct checkpoint_header read = {.bytes = 0};
  CHECK(checkpoint_header_read(path, &read, &reason) && read.serial == 42 && read.bytes == BYTES,
        "the block says what was written");
  read_file(path, good, BYTES);
  comm_barrier(comm);
}

static void test_damage(struct comm *comm, const char *path, const char *good) {
  char *bad = memory_new(char, BYTES);
  int64_t taken_in = 0;
  for (uint64_t trial = 0; trial < 120; trial++) {
    memcpy(bad, good, BYTES);
    size_t count = BYTES;
    const size_t at =
        (size_t)(rng_uniform(2, RNG_TEST, trial, 0) * (trial % 4 == 0 ? CHECKPOINT_BLOCK : BYTES));
    if (trial % 4 == 3)
      count = at;
    else
      bad[at] = (char)(bad[at] ^ (1 << trial % 8));
    scratch_write(comm, "checkpoint", bad, count);
    struct error reason = {""};
    taken_in += trusted(comm, path, &reason);
    CHECK(comm_rank(comm) != 0 || trial % 4 != 3 || error_is_set(&reason), "cut at %zu", at);
    comm_barrier(comm);
  }
  CHECK(taken_in == 0, "%lld damaged files were believed", (long long)taken_in);
  memory_free(&bad);
}

// Rows add up to the same sum however they are shared out.
static void test_rows(void) {
  enum { ROWS = 40 };
  int8_t bytes[ROWS];
  double triples[ROWS][3];
  for (int i = 0; i < ROWS; i++) {
    bytes[i] = (int8_t)(i - 7);
    for (int j = 0; j < 3; j++) triples[i][j] = i + 0.1 * j;
  }
  struct state_field fields[] = {
      {.type = STATE_INT8, .shared = true, .total = ROWS, .width = 1, .stride = 1, .data = bytes},
      {.type = STATE_INT8, .total = ROWS, .width = 1, .stride = 1, .data = bytes},
      {.type = STATE_DOUBLE,
       .shared = true,
       .total = ROWS,
       .width = 3,
       .stride = 24,
       .data = triples},
      {.type = STATE_INT8,
       .shared = true,
       .even = true,
       .total = ROWS,
       .width = 1,
       .stride = 1,
       .data = bytes}};
  uint64_t common = 0;
  checkpoint_add_rows(&fields[1], 0, ROWS, bytes, &common);
  for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
    const size_t row = state_row_bytes(&fields[f]);
    const char *data = fields[f].data;
    uint64_t whole = 0;
    checkpoint_add_rows(&fields[f], 0, ROWS, data, &whole);
    if (fields[f].even) CHECK(whole == common, "the sum of an even field is a common one's");
    for (int64_t cut = 0; cut <= ROWS; cut += fields[f].shared && !fields[f].even ? 1 : 8) {
      uint64_t parts = 0;
      checkpoint_add_rows(&fields[f], 0, cut, data, &parts);
      checkpoint_add_rows(&fields[f], cut, ROWS - cut, data + (size_t)cut * row, &parts);
      CHECK(parts == whole, "field %zu cut at %lld", f, (long long)cut);
    }
  }
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  const char *path = scratch_path("checkpoint");
  char *good = memory_new(char, BYTES);
  test_whole(comm, path, good);
  test_damage(comm, path, good);
  test_rows();
  struct error reason = {""};
  CHECK(!trusted(comm, scratch_path("nothing"), &reason) && !error_is_set(&reason),
        "no file is no damage");
  memory_free(&good);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
