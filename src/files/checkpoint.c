#include "files/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/checkpoint_internal.h"
#include "files/output.h"
#include "files/partial.h"
#include "ground/checksum.h"
#include "ground/clock.h"
#include "ground/durable.h"
#include "ground/memory.h"
#include "input/config_compare.h"
#include "platform/comm.h"

enum { PATH = 128, BLOCK_BYTES = 1 << 23 };  // of rows that are read back at a time

struct checkpoint *checkpoint_create(struct run *run, const char *command) {
  struct checkpoint *c = memory_new(struct checkpoint, 1);
  const char *directory = run->config.run.directory;
  c->run = run;
  c->command = command;
  snprintf(c->current, sizeof c->current, "%s/checkpoint.h5", directory);
  snprintf(c->previous, sizeof c->previous, "%s/checkpoint.h5.prev", directory);
  c->partial = partial_path(run->comm, directory, "checkpoint.h5");
  const size_t numbers = 3 * run->decoder->count;
  c->seconds = 0.5 + (double)(numbers * sizeof(real)) / 2e8;
  return c;
}

void checkpoint_destroy(struct checkpoint **checkpoint) {
  if (*checkpoint == NULL) return;
  memory_free(&(*checkpoint)->partial);
  memory_free(checkpoint);
}

double checkpoint_seconds(const struct checkpoint *c) { return c->seconds; }

enum h5_type checkpoint_type(const struct state_field *field) { return output_type(field->type); }

// ---- the block in front, and the bytes behind it ----

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
    return error_set(reason, "has %" PRId64 " bytes instead of %" PRId64, bytes, header->bytes);
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
  const int64_t first = comm_share_first(words, comm_size(comm), comm_rank(comm));
  const int64_t end = comm_share_first(words, comm_size(comm), comm_rank(comm) + 1);
  const int file = open(path, O_RDONLY);
  uint64_t part = 0;
  int64_t failed = file < 0 || !sum_words(file, first, end - first, behind, &part);
  if (file >= 0) close(file);
  comm_max_int64(comm, &failed, 1);
  comm_sum_int64(comm, (int64_t *)&part, 1);
  *sum = part;
  return !failed;
}

bool checkpoint_is_whole(struct comm *comm, const char *path) {
  struct error ignored = {""};
  struct checkpoint_header header = {.bytes = 0};
  uint64_t sum = 0;
  if (comm_rank(comm) == 0 && !checkpoint_header_read(path, &header, &ignored)) header.bytes = 0;
  comm_broadcast(comm, &header, sizeof header, 0);
  return header.bytes > 0 && checkpoint_sum(comm, path, header.bytes, &sum) && sum == header.sum;
}

void checkpoint_rotate(const struct checkpoint *c, const char *path, bool whole) {
  if (whole) durable_rename(c->current, c->previous);
  durable_rename(path, c->current);
}

// ---- checksums of fields ----

// Rows that ranks share out as they like (a rank's own rows of a shared field begin anywhere) count
// from a whole word each; those of a common or even field are one stream, cut at multiples of 8.
void checkpoint_add_rows(const struct state_field *field, int64_t first, int64_t count,
                         const void *block, uint64_t *sum) {
  const size_t bytes = state_row_bytes(field), words = (bytes + 7) / 8;
  assert(first >= 0 && count >= 0);
  if (!field->shared || field->even || bytes % 8 == 0) {
    assert(count == 0 || (uint64_t)first * bytes % 8 == 0);
    *sum += checksum(block, (size_t)count * bytes, (uint64_t)first * bytes / 8);
    return;
  }
  for (int64_t i = 0; i < count; i++)
    *sum += checksum((const char *)block + (size_t)i * bytes, bytes, (uint64_t)(first + i) * words);
}

// Rows [*first, *end) of a field that this rank handles.
static void share_out(const struct comm *comm, const struct state_field *field, int64_t *first,
                      int64_t *end) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t eighths = (field->total + 7) / 8;
  *first = 8 * comm_share_first(eighths, ranks, rank);
  *end = 8 * comm_share_first(eighths, ranks, rank + 1);
  if (*first > field->total) *first = field->total;
  if (*end > field->total) *end = field->total;
}

static int64_t rows_per_block(const struct state_field *field) {
  const int64_t rows = BLOCK_BYTES / (int64_t)state_row_bytes(field) / 8 * 8;
  return rows > 8 ? rows : 8;
}

// The sums of all fields as they are in memory. Collective.
static void sum_memory(struct checkpoint *c, const struct state *state,
                       uint64_t sums[STATE_FIELDS]) {
  for (size_t f = 0; f < state->count; f++) {
    const struct state_field *field = &state->fields[f];
    const int64_t block = rows_per_block(field);
    int64_t first = field->first, end = field->first + field->count;
    if (!field->shared) share_out(c->run->comm, field, &first, &end);
    char *rows = memory_new(
        char, (size_t)(end - first < block ? end - first : block) * state_row_bytes(field));
    sums[f] = 0;
    for (; first < end; first += block) {
      const int64_t count = end - first < block ? end - first : block;
      state_pack(field, first - field->first, count, rows);
      checkpoint_add_rows(field, first, count, rows, &sums[f]);
    }
    memory_free(&rows);
  }
  comm_sum_int64(c->run->comm, (int64_t *)sums, state->count);
}

static void field_path(const struct state_field *field, char path[PATH]) {
  snprintf(path, PATH, "/%s/%s", field->group, field->name);
}

// The same as they are in the file, read by ranks other than those that wrote them.
static void compare_with_file(struct checkpoint *c, const struct state *state,
                              const uint64_t sums[STATE_FIELDS]) {
  struct error error = {""};
  uint64_t found[STATE_FIELDS] = {0};
  struct h5_file *file = h5_open(c->partial, "checkpoint", &error);
  for (size_t f = 0; f < state->count && !error_is_set(&error); f++) {
    const struct state_field *field = &state->fields[f];
    const int64_t block = rows_per_block(field);
    int64_t first, end;
    char path[PATH];
    field_path(field, path);
    share_out(c->run->comm, field, &first, &end);
    char *rows = memory_new(
        char, (size_t)(end - first < block ? end - first : block) * state_row_bytes(field));
    for (; first < end && !error_is_set(&error); first += block) {
      const int64_t count = end - first < block ? end - first : block;
      h5_read_rows(file, path, checkpoint_type(field), first, count, rows, &error);
      checkpoint_add_rows(field, first, count, rows, &found[f]);
    }
    memory_free(&rows);
  }
  h5_close(&file);
  if (error_is_set(&error)) error_fatal("the checkpoint cannot be read back: %s", error.text);
  comm_sum_int64(c->run->comm, (int64_t *)found, state->count);
  for (size_t f = 0; f < state->count; f++)
    if (found[f] != sums[f])
      error_fatal("%s does not hold what was written to it: %s/%s differs", c->partial,
                  state->fields[f].group, state->fields[f].name);
}

// ---- writing ----

static void write_hex(struct h5_file *file, const char *object, const char *name, uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%016" PRIx64, value);
  h5_write_text(file, object, name, text);
}

static void declare_run(const struct checkpoint *c, struct h5_file *file) {
  const struct run *run = c->run;
  char *lines = config_lines(&run->config), name[32];
  h5_write_text(file, "/", "comment",
                "state of a run, for resuming it only; the results are in "
                "results.h5");
  output_provenance(run, file, c->command);
  h5_write_text(file, "/", "parameters", lines);
  h5_write_text(file, "/", "layout", CHECKPOINT_LAYOUT);
  write_hex(file, "/", "decoder_file", run->decoder_checksum);
  for (int set = 0; set < SET_COUNT; set++) {
    snprintf(name, sizeof name, "data_%s", set_name(set));
    write_hex(file, "/", name, run->data_checksum[set]);
  }
  memory_free(&lines);
}

// A dimension of a group, unless an earlier field of the group has it.
static void declare_dimension(struct h5_file *file, const struct state_field *field,
                              const char *name, int64_t length) {
  char path[PATH], group[PATH];
  snprintf(group, sizeof group, "/%s", field->group);
  snprintf(path, sizeof path, "/%s/%s", field->group, name);
  if (!h5_exists(file, path)) h5_dimension(file, group, name, length);
}

static void declare_fields(struct h5_file *file, const struct state *state,
                           const uint64_t sums[STATE_FIELDS]) {
  for (size_t f = 0; f < state->count; f++) {
    const struct state_field *field = &state->fields[f];
    char path[PATH], group[PATH];
    snprintf(group, sizeof group, "/%s", field->group);
    if (!h5_exists(file, group)) h5_group(file, group, "a part of the state");
    declare_dimension(file, field, field->dimension, field->total);
    if (field->components != NULL)
      declare_dimension(file, field, field->components, (int64_t)field->width);
    h5_dataset(file, group, field->name, checkpoint_type(field), field->components == NULL ? 1 : 2,
               (const char *const[]){field->dimension, field->components}, "1", field->text);
    field_path(field, path);
    write_hex(file, path, "checksum", sums[f]);
  }
}

// Common fields are written by rank 0.
static void write_fields(const struct checkpoint *c, struct h5_file *file,
                         const struct state *state) {
  const bool first_rank = comm_rank(c->run->comm) == 0;
  for (size_t f = 0; f < state->count; f++) {
    const struct state_field *field = &state->fields[f];
    const int64_t count = field->shared || first_rank ? field->count : 0;
    const bool gaps = field->stride != state_row_bytes(field);
    char path[PATH];
    char *packed = gaps ? memory_new(char, (size_t)count *state_row_bytes(field)) : NULL;
    if (gaps) state_pack(field, 0, count, packed);
    field_path(field, path);
    h5_write_rows(file, path, checkpoint_type(field), field->first, count,
                  gaps ? packed : field->data);
    memory_free(&packed);
  }
}

static int64_t file_bytes(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) error_fatal("cannot find %s: %s", path, strerror(errno));
  return (int64_t)status.st_size;
}

void checkpoint_write(struct checkpoint *c, const struct state *state) {
  const enum phase before = clock_enter(PHASE_OUTPUT);
  const double begun = clock_seconds();
  struct comm *comm = c->run->comm;
  const bool first_rank = comm_rank(comm) == 0;
  uint64_t sums[STATE_FIELDS];
  if (!c->rotates) c->rotates = checkpoint_is_whole(comm, c->current);
  sum_memory(c, state, sums);
  error_remove_on_failure(c->partial);
  if (first_rank) {
    struct h5_file *file = h5_create(c->partial, CHECKPOINT_BLOCK);
    declare_run(c, file);
    declare_fields(file, state, sums);
    h5_close(&file);
  }
  comm_barrier(comm);
  struct h5_file *file = h5_open_parallel(c->partial, comm);
  write_fields(c, file, state);
  h5_close(&file);
  comm_barrier(comm);
  compare_with_file(c, state, sums);

  struct checkpoint_header header = {.serial = ++c->serial};
  if (first_rank) header.bytes = file_bytes(c->partial);
  comm_broadcast(comm, &header, sizeof header, 0);
  if (!checkpoint_sum(comm, c->partial, header.bytes, &header.sum))
    error_fatal("cannot read back %s: %s", c->partial, strerror(errno));
  if (first_rank) {
    checkpoint_seal(c->partial, &header);
    checkpoint_rotate(c, c->partial, c->rotates);
  }
  c->rotates = true;
  error_remove_on_failure(NULL);
  comm_barrier(comm);
  c->seconds = clock_seconds() - begun;
  clock_enter(before);
}
