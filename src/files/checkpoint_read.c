#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/checkpoint.h"
#include "files/checkpoint_internal.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_compare.h"

enum { ATTRIBUTE = 1 << 18 };

// ---- which file ----

// A file that may be gone on from, as rank 0 sees it.
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

// Whether all bytes are what they were when the file was written; says so if not. Collective.
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

// Whether run.restart names a file outside of the run directory.
static bool is_elsewhere(const struct checkpoint *c, const char *path) {
  const char *directory = c->run->config.run.directory;
  const size_t length = strlen(directory);
  return strncmp(path, directory, length) != 0 || path[length] != '/';
}

// The files to try, the best first; returns how many.
static size_t candidates(struct checkpoint *c, struct candidate found[2]) {
  const char *restart = c->run->config.run.restart;
  const bool automatic = strcmp(restart, "auto") == 0;
  if (strcmp(restart, "never") == 0) return 0;
  found[0] = look_at(c, c->current);
  found[1] = look_at(c, c->previous);
  const bool own = found[0].there || found[1].there;
  if (!automatic && (!own || !is_elsewhere(c, restart))) {
    found[0] = look_at(c, restart);
    return 1;
  }
  if (!automatic)
    log_line("  %-8s %s has a checkpoint of its own, which goes before %s", "restart",
             c->run->config.run.directory, restart);
  if (found[0].whole && found[1].whole && found[1].header.serial > found[0].header.serial) {
    log_warning("%s is older than %s: they have been swapped; the newer one is taken", c->current,
                c->previous);
    swap(&found[0], &found[1]);
  }
  return 2;
}

// ---- does it fit this run ----

// A text attribute of the root, owned; an error names it if it is not there.
static char *read_root(struct h5_file *file, const char *path, const char *name,
                       struct error *error) {
  char *text = memory_new(char, ATTRIBUTE);
  if (!h5_read_text(file, "/", name, text, ATTRIBUTE))
    error_set(error, "%s lacks the attribute %s; it is of another version of gfe_hpc", path, name);
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
    error_set(error,
              "the input has changed in what decided the run so far, kept in %s: %s. Change it "
              "back, or begin anew with another run.directory or run.restart = never",
              c->source, differences.refused);
  else if (differences.taken != NULL && differences.taken[0] != '\0')
    log_line("  changed  %s", differences.taken);
  memory_free(&before);
  config_differences_clear(&differences);
  return !error_is_set(error);
}

// The data of a set must be those that the checkpoint has worked on; a set that it had not needs
// not.
static void check_data(const struct checkpoint *c, struct h5_file *file, struct error *error) {
  for (int set = 0; set < SET_COUNT; set++) {
    char name[32];
    snprintf(name, sizeof name, "data_%s", set_name(set));
    const uint64_t before = read_sum(file, c->source, name, error);
    if (before != 0 && c->data[set] != 0 && before != c->data[set])
      error_set(error,
                "data.%s holds other samples than when %s was written; begin anew with another "
                "run.directory or run.restart = never",
                set_name(set), c->source);
  }
  const uint64_t before = read_sum(file, c->source, "decoder_file", error);
  if (before != 0 && c->decoder_file != 0 && before != c->decoder_file)
    error_set(error,
              "decoder.file = %s holds another decoder than when %s was written; begin anew with "
              "another run.directory or run.restart = never",
              c->run->config.decoder.file, c->source);
}

static void check_program(const struct checkpoint *c, struct h5_file *file, struct error *error) {
  struct error missing = {""};  // in a file of an earlier version
  char *precision = read_root(file, c->source, "precision", error);
  char *arithmetic = read_root(file, c->source, "arithmetic", &missing);
  if (error_is_set(&missing) || strcmp(arithmetic, PROVENANCE_ARITHMETIC) != 0)
    error_set(error,
              "%s was written by a version of the program that computes other bits; begin anew with "
              "another run.directory or run.restart = never, or finish the run with that version",
              c->source);
  else if (!error_is_set(error) && strcmp(precision, REAL_NAME) != 0)
    error_set(error, "%s was written in %s; this program computes in " REAL_NAME, c->source,
              precision);
  memory_free(&precision);
  memory_free(&arithmetic);
}

bool checkpoint_open(struct checkpoint *c, struct error *error) {
  struct candidate found[2];
  const size_t count = candidates(c, found);
  size_t taken = 0;
  bool there = false;
  for (; taken < count; taken++) {
    there = there || found[taken].there;
    if (is_whole(c, &found[taken])) break;
  }
  if (taken == count)
    return there &&
           error_set(error,
                     "no whole checkpoint is left to go on from in %s; run.restart = never begins "
                     "anew",
                     c->run->config.run.directory);
  if (taken == 1 || strcmp(found[taken].path, c->current) != 0)
    log_warning("going on from %s", found[taken].path);
  memcpy(c->source, found[taken].path, sizeof c->source);
  c->serial = found[taken].header.serial;
  if (comm_rank(c->run->comm) != 0) return true;
  struct h5_file *file = h5_open(c->source, "run.restart", error);
  if (file == NULL) return false;
  check_program(c, file, error);
  if (!error_is_set(error) && check_parameters(c, file, error)) check_data(c, file, error);
  h5_close(&file);
  return true;
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
         error_set(error, "%s in the checkpoint has another shape than this run needs", path);
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

void checkpoint_read(struct checkpoint *c, const struct state *state, struct error *error) {
  struct h5_file *file = h5_open(c->source, "run.restart", error);
  comm_settle(c->run->comm, error);
  for (size_t f = 0; f < state->count; f++) read_field(c, file, &state->fields[f], error);
  h5_close(&file);
}

const char *checkpoint_path(const struct checkpoint *c) { return c->source; }
