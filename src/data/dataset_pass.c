// Passes over a set: its rows in double, in pieces of bounded size, with entries that do not count
// marked. A set that fits into one piece is read once for all passes.
#include <math.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "ground/memory.h"

// Bytes of samples and weights in a piece.
static size_t piece_bytes = DATASET_PIECE;

void dataset_limit_pieces(size_t bytes) { piece_bytes = bytes; }

// ---- what counts ----

// Whether y is the number that marks a missing entry, or that number rounded to float32.
static bool is_fill(const struct config_missing *missing, double y) {
  return missing->kind == MISSING_NUMBER &&
         (y == missing->value || y == (double)(float)missing->value);
}

// Checks entry j of sample `index` and its weight; an entry that does not count becomes NaN.
static bool check_entry(struct dataset_pass *pass, int64_t index, size_t j, double weight,
                        double *y, struct error *error) {
  const struct dataset_sources *sources = pass->sources;
  const bool nan = isnan(*y), fill = is_fill(&pass->missing, *y);
  if (!(isfinite((real)weight) && weight >= 0))
    return error_set(error,
                     "%s: the weight of sample %lld, entry %zu is %g; weights must be finite "
                     "and at least 0",
                     sources->weights.label, (long long)index, j, weight);
  sources->piece->filled += fill;
  if ((real)weight == 0 || fill) {
    *y = (double)NAN;
    return true;
  }
  if (isinf(*y))
    return error_set(error, "%s: sample %lld, entry %zu is infinite", sources->samples.label,
                     (long long)index, j);
  return !nan || pass->missing.kind == MISSING_NAN || sources->samples.marks_missing ||
         error_set(error,
                   "%s: sample %lld, entry %zu is NaN; if NaN marks missing entries, give "
                   "data.missing: nan",
                   sources->samples.label, (long long)index, j);
}

// Complains about a sample of which no entry counts.
static bool complain_of_row(const struct dataset_pass *pass, int64_t index, double sum,
                            struct error *error) {
  const struct dataset_sources *sources = pass->sources;
  if (sources->weights.axes > 0)
    return error_set(error,
                     "%s: the weights of sample %lld sum to %g; at least one must be positive",
                     sources->weights.label, (long long)index, sum);
  if (sources->pattern == NULL && pass->missing.kind == MISSING_NAN)
    return error_set(
        error,
        "%s: all entries of sample %lld are NaN, that is, missing (data.missing: nan); "
        "leave the sample out",
        sources->samples.label, (long long)index);
  return error_set(error, "%s: all entries of sample %lld are missing%s; leave the sample out",
                   sources->samples.label, (long long)index,
                   sources->pattern != NULL ? " or left out" : "");
}

// Checks row i of the piece and sums its weights.
static bool check_row(struct dataset_pass *pass, size_t i, struct error *error) {
  const struct dataset_sources *sources = pass->sources;
  const struct dataset_piece *piece = sources->piece;
  const int64_t index = sources->index[piece->first + (int64_t)i];
  double *y = piece->y + i * pass->n, sum = 0;
  for (size_t j = 0; j < pass->n; j++) {
    const double weight = dataset_weight(sources, i, j);
    if (!check_entry(pass, index, j, weight, &y[j], error)) return false;
    if (!isnan(y[j])) sum += (double)(real)weight;
  }
  piece->weight_sum[i] = sum;
  return (sum > 0 && isfinite(sum)) || complain_of_row(pass, index, sum, error);
}

// ---- pieces ----

void dataset_piece_destroy(struct dataset_piece **piece) {
  if (*piece == NULL) return;
  memory_free(&(*piece)->y);
  memory_free(&(*piece)->w);
  memory_free(&(*piece)->weight_sum);
  memory_free(piece);
}

static struct dataset_piece *create_piece(const struct dataset_pass *pass) {
  const int64_t held = pass->sources->share.count;
  const size_t rows = (size_t)(held < pass->most ? held : pass->most);
  struct dataset_piece *piece = memory_new(struct dataset_piece, 1);
  piece->missing = pass->missing;
  piece->n = pass->n;
  piece->y = memory_new(double, rows * pass->n);
  if (pass->sources->weights.axes > 0) piece->w = memory_new(double, rows * pass->n);
  piece->weight_sum = memory_new(double, rows);
  return piece;
}

static bool is_same(struct config_missing a, struct config_missing b) {
  return a.kind == b.kind && (a.kind != MISSING_NUMBER || a.value == b.value);
}

void dataset_pass_begin(struct dataset_pass *pass, struct comm *comm,
                        struct dataset_sources *sources, struct config_missing missing) {
  *pass = (struct dataset_pass){
      .comm = comm, .sources = sources, .missing = missing, .n = dataset_describe(sources).n};
  if (sources->index == NULL) {
    sources->share = source_share(comm, (struct source_range){0, sources->count});
    sources->index = dataset_select(comm, sources);
  }
  const size_t row = pass->n * sizeof(double) * (sources->weights.axes > 0 ? 2 : 1);
  pass->most = row < piece_bytes ? (int64_t)(piece_bytes / row) : 1;
  pass->pieces = (sources->share.count + pass->most - 1) / pass->most;
  comm_max_int64(comm, &pass->pieces, 1);
  if (sources->piece != NULL && (pass->pieces > 1 || !is_same(sources->piece->missing, missing)))
    dataset_piece_destroy(&sources->piece);
}

// Reads piece `number` of this rank, which may be empty. Collective.
static void read_piece(struct dataset_pass *pass, int64_t number, struct error *error) {
  struct dataset_sources *sources = pass->sources;
  if (sources->piece == NULL) sources->piece = create_piece(pass);
  struct dataset_piece *piece = sources->piece;
  const int64_t done = number * pass->most, held = sources->share.count;
  piece->first = done < held ? done : held;
  piece->count = held - piece->first < pass->most ? held - piece->first : pass->most;
  piece->filled = 0;
  const struct source_rows rows = {sources->index + piece->first, piece->count};
  source_read(pass->comm, &sources->samples, &rows, ELEMENT_DOUBLE, piece->y, error);
  if (piece->w != NULL)
    source_read(pass->comm, &sources->weights, &rows, ELEMENT_DOUBLE, piece->w, error);
  for (size_t i = 0; i < (size_t)piece->count && !error_is_set(error); i++)
    check_row(pass, i, error);
}

const struct dataset_piece *dataset_pass_next(struct dataset_pass *pass, struct error *error) {
  const bool held = pass->pieces == 1 && pass->sources->piece != NULL && pass->next == 0;
  // Also called after an error on this rank that the others do not know about yet.
  if (pass->next < pass->pieces && !held) read_piece(pass, pass->next, error);
  int64_t failed = error_is_set(error);
  comm_max_int64(pass->comm, &failed, 1);
  if (failed) dataset_piece_destroy(&pass->sources->piece);
  return failed || pass->next++ >= pass->pieces ? NULL : pass->sources->piece;
}
