#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/checkpoint.h"
#include "files/checkpoint_internal.h"
#include "files/partial.h"
#include "ground/directory.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_compare.h"

enum { ATTRIBUTE = 1 << 18 };

// ---- which file ----

enum { CANDIDATES = 3 };

// A file from which the run might be resumed, as seen by rank 0.
struct candidate {
  char path[CHECKPOINT_PATH];
  bool there, whole;
  struct checkpoint_header header;
  struct error reason;  // why it is not whole
};

static struct candidate look_at(struct checkpoint *c, const char *path) {
  struct candidate candidate = {.there = false};
  snprintf(candidate.path, sizeof candidate.path, "%s", path);
  if (comm_rank(c->run->comm) == 0) {
    candidate.whole = checkpoint_header_read(path, &candidate.header, &candidate.reason);
    candidate.there = candidate.whole || error_is_set(&candidate.reason);
  }
  comm_broadcast(c->run->comm, &candidate, sizeof candidate, 0);
  return candidate;
}

// Whether all bytes are as they were when the file was written; reports it if not. Collective.
static bool is_whole(struct checkpoint *c, struct candidate *candidate) {
  uint64_t sum = 0;
  if (candidate->whole &&
      (!checkpoint_sum(c->run->comm, candidate->path, candidate->header.bytes, &sum) ||
       sum != candidate->header.sum))
    candidate->whole = error_set(&candidate->reason, "is damaged: its checksum is wrong");
  if (!candidate->whole && candidate->there)
    log_warning("%s %s", candidate->path, candidate->reason.text);
  return candidate->whole;
}

static void swap(struct candidate *a, struct candidate *b) {
  const struct candidate c = *a;
  *a = *b;
  *b = c;
}

static bool is_better(const struct candidate *a, const struct candidate *b) {
  return a->whole && (!b->whole || a->header.serial > b->header.serial);
}

// Whether run.restart names a file outside the run directory.
static bool is_elsewhere(const struct checkpoint *c, const char *path) {
  const char *directory = c->run->config.run.directory;
  const size_t length = strlen(directory);
  return strncmp(path, directory, length) != 0 || path[length] != '/';
}

// A job that was killed between two renames has left its last checkpoint complete, but not yet in
// its place; so may others before it. The path of the newest, empty if there is none. By rank 0.
static void find_partial(const struct checkpoint *c, char path[CHECKPOINT_PATH]) {
  const char *directory = c->run->config.run.directory;
  DIR *entries = opendir(directory);
  int64_t newest = -1;
  path[0] = '\0';
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    struct checkpoint_header header;
    struct error ignored = {""};
    if (!partial_is_of(entry->d_name, "checkpoint.h5")) continue;
    char *one = directory_path(directory, entry->d_name);
    if (checkpoint_header_read(one, &header, &ignored) && header.serial > newest &&
        strlen(one) < CHECKPOINT_PATH) {
      newest = header.serial;
      strcpy(path, one);
    }
    memory_free(&one);
  }
  closedir(entries);
}

static struct candidate look_at_partial(struct checkpoint *c) {
  char path[CHECKPOINT_PATH] = "";
  if (comm_rank(c->run->comm) == 0) find_partial(c, path);
  struct candidate candidate = look_at(c, path);
  candidate.there = candidate.whole;  // an unfinished one is not a damaged one
  return candidate;
}

// Numbering continues after all existing files, so that whatever is written from now on is the
// newest.
static void count_on(struct checkpoint *c, const struct candidate found[CANDIDATES]) {
  for (int i = 0; i < CANDIDATES; i++)
    if (found[i].whole && found[i].header.serial > c->serial) c->serial = found[i].header.serial;
}

// The files to try, the best first; returns how many.
static size_t candidates(struct checkpoint *c, struct candidate found[CANDIDATES]) {
  const char *restart = c->run->config.run.restart;
  const bool automatic = strcmp(restart, "auto") == 0;
  found[0] = look_at(c, c->current);
  found[1] = look_at(c, c->previous);
  found[2] = look_at_partial(c);
  count_on(c, found);
  if (strcmp(restart, "never") == 0) return 0;
  const bool own = found[0].there || found[1].there || found[2].there;
  if (!automatic && (!own || !is_elsewhere(c, restart))) {
    found[0] = look_at(c, restart);
    return 1;
  }
  if (!automatic)
    log_line("  %-8s %s has its own checkpoint, which is used instead of %s", "restart",
             c->run->config.run.directory, restart);
  if (found[0].whole && found[1].whole && found[1].header.serial > found[0].header.serial) {
    log_warning("%s is older than %s: they have been swapped; using the newer one", c->current,
                c->previous);
    swap(&found[0], &found[1]);
  }
  for (int i = 2; i > 0 && is_better(&found[i], &found[i - 1]); i--) swap(&found[i], &found[i - 1]);
  return CANDIDATES;
}

// ---- does it fit this run ----

// A text attribute of the root, owned; an error names it if it does not exist.
static char *read_root(struct h5_file *file, const char *path, const char *name,
                       struct error *error) {
  char *text = memory_new(char, ATTRIBUTE);
  if (!h5_read_text(file, "/", name, text, ATTRIBUTE))
    error_set(error, "%s lacks the attribute %s; it was written by another version of gfe_hpc",
              path, name);
  return text;
}

static uint64_t read_sum(struct h5_file *file, const char *path, const char *name,
                         struct error *error) {
  char *text = read_root(file, path, name, error);
  const uint64_t sum = strtoull(text, NULL, 16);
  memory_free(&text);
  return sum;
}

static bool check_parameters(const struct checkpoint *c, struct h5_file *file,
                             struct error *error) {
  char *before = read_root(file, c->source, "parameters", error);
  struct config_differences differences = {NULL, NULL};
  if (!error_is_set(error) && !config_compare(before, &c->run->config, &differences))
    error_set(
        error,
        "parameters that have affected the run have changed since %s was written: %s. Change them "
        "back, or start afresh with another run.directory or run.restart = never",
        c->source, differences.refused);
  else if (differences.taken != NULL && differences.taken[0] != '\0')
    log_line("  changed  %s", differences.taken);
  memory_free(&before);
  config_differences_clear(&differences);
  return !error_is_set(error);
}

// Data used in training must be unchanged; a set that has only been encoded is encoded again, and
// one that is not in the checkpoint cannot differ.
static void check_data(struct checkpoint *c, struct h5_file *file, struct error *error) {
  const struct run *run = c->run;
  const bool trains = run->config.run.task[TASK_TRAIN];
  for (int set = 0; set < SET_COUNT; set++) {
    char name[32];
    snprintf(name, sizeof name, "data_%s", set_name(set));
    const uint64_t before = read_sum(file, c->source, name, error);
    c->data_changed[set] =
        before != 0 && run->data_checksum[set] != 0 && before != run->data_checksum[set];
    if (c->data_changed[set] && trains && set != SET_ENCODE)
      error_set(error,
                "data.%s contains different samples than when %s was written; start afresh with "
                "another "
                "run.directory or run.restart = never",
                set_name(set), c->source);
  }
  const uint64_t before = read_sum(file, c->source, "decoder_file", error);
  if (trains && before != 0 && run->decoder_checksum != 0 && before != run->decoder_checksum)
    error_set(error,
              "decoder.file = %s contains a different decoder than when %s was written; start "
              "afresh with "
              "another run.directory or run.restart = never",
              run->config.decoder.file, c->source);
}

static void check_program(const struct checkpoint *c, struct h5_file *file, struct error *error) {
  struct error missing = {""};  // in a file of an earlier version
  char *precision = read_root(file, c->source, "precision", error);
  char *arithmetic = read_root(file, c->source, "arithmetic", &missing);
  char *layout = read_root(file, c->source, "layout", &missing);
  if (error_is_set(&missing) || strcmp(arithmetic, PROVENANCE_ARITHMETIC) != 0 ||
      strcmp(layout, CHECKPOINT_LAYOUT) != 0)
    error_set(
        error,
        "%s was written by another version of the program, whose runs this one cannot resume; "
        "start afresh with another run.directory or run.restart = never, or finish the "
        "run with that version",
        c->source);
  else if (!error_is_set(error) && strcmp(precision, REAL_NAME) != 0)
    error_set(error, "%s was written in %s; this program computes in " REAL_NAME, c->source,
              precision);
  memory_free(&precision);
  memory_free(&arithmetic);
  memory_free(&layout);
}

// Moves a checkpoint whose renaming was interrupted to its place. Collective.
static void settle_source(struct checkpoint *c) {
  const char *name = strrchr(c->source, '/');
  if (is_elsewhere(c, c->source) || !partial_is_of(name + 1, "checkpoint.h5")) return;
  const bool whole = checkpoint_is_whole(c->run->comm, c->current);
  if (comm_rank(c->run->comm) == 0) checkpoint_rotate(c, c->source, whole);
  memcpy(c->source, c->current, sizeof c->source);
  comm_barrier(c->run->comm);
}

static void check_fit(struct checkpoint *c, struct error *error) {
  struct h5_file *file = h5_open(c->source, "run.restart", error);
  if (file == NULL) return;
  check_program(c, file, error);
  if (!error_is_set(error) && check_parameters(c, file, error)) check_data(c, file, error);
  h5_close(&file);
}

bool checkpoint_open(struct checkpoint *c, struct error *error) {
  struct candidate found[CANDIDATES];
  const size_t count = candidates(c, found);
  size_t taken = 0;
  bool there = false;
  for (; taken < count; taken++) {
    there = there || found[taken].there;
    if (is_whole(c, &found[taken])) break;
  }
  if (taken == count)
    return there &&
           error_set(
               error,
               "no intact checkpoint is left in %s to resume from; run.restart = never starts "
               "afresh",
               c->run->config.run.directory);
  if (taken > 0 || strcmp(found[taken].path, c->current) != 0)
    log_warning("resuming from %s", found[taken].path);
  memcpy(c->source, found[taken].path, sizeof c->source);
  if (found[taken].header.serial > c->serial) c->serial = found[taken].header.serial;
  settle_source(c);
  if (comm_rank(c->run->comm) == 0) check_fit(c, error);
  comm_broadcast(c->run->comm, c->data_changed, sizeof c->data_changed, 0);
  return true;
}

bool checkpoint_data_changed(const struct checkpoint *c, enum set set) {
  return c->data_changed[set];
}

// ---- reading ----

static bool check_shape(struct h5_file *file, const struct state_field *field, const char *path,
                        struct error *error) {
  int axes = 0;
  int64_t shape[H5_AXES] = {0};
  if (!h5_shape(file, path, "run.restart", &axes, shape, error)) return false;
  const bool fits = shape[0] == field->total && axes == (field->components == NULL ? 1 : 2) &&
                    (axes == 1 || shape[1] == (int64_t)field->width);
  return fits ||
         error_set(error, "%s in the checkpoint does not have the shape that this run needs", path);
}

static uint64_t stored_sum(struct h5_file *file, const char *path) {
  char text[32] = "";
  h5_read_text(file, path, "checksum", text, sizeof text);
  return strtoull(text, NULL, 16);
}

// Reads this rank's rows of a field; those of a common one arrive from rank 0.
static void read_field(struct checkpoint *c, struct h5_file *file, const struct state_field *field,
                       struct error *error) {
  struct comm *comm = c->run->comm;
  const bool reads = field->shared || comm_rank(comm) == 0;
  const int64_t count = reads ? field->count : 0;
  char path[128];
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  char *rows = memory_new(char, (size_t)field->count *state_row_bytes(field));
  uint64_t expected = 0, sum = 0;
  if (check_shape(file, field, path, error)) expected = stored_sum(file, path);
  if (!error_is_set(error))
    h5_read_rows(file, path, checkpoint_type(field), field->first, count, rows, error);
  checkpoint_add_rows(field, field->first, count, rows, &sum);
  comm_sum_int64(comm, (int64_t *)&sum, 1);
  if (!error_is_set(error) && sum != expected)
    error_set(error, "%s in %s is damaged: its checksum is wrong", path, c->source);
  if (!field->shared) comm_broadcast(comm, rows, (size_t)field->count * state_row_bytes(field), 0);
  state_unpack(field, 0, field->count, rows);
  memory_free(&rows);
}

static bool is_there(struct h5_file *file, const struct state_field *field) {
  char path[128];
  snprintf(path, sizeof path, "/%s/%s", field->group, field->name);
  return !field->newer || h5_exists(file, path);
}

void checkpoint_read(struct checkpoint *c, const struct state *state, struct error *error) {
  struct h5_file *file = h5_open(c->source, "run.restart", error);
  comm_settle(c->run->comm, error);
  for (size_t f = 0; f < state->count; f++)
    if (is_there(file, &state->fields[f])) read_field(c, file, &state->fields[f], error);
  h5_close(&file);
}

const char *checkpoint_path(const struct checkpoint *c) { return c->source; }
