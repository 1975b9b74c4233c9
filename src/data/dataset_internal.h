// The opened sources of a set, shared by the files of the module dataset.
#ifndef GFE_DATASET_INTERNAL_H
#define GFE_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/reader.h"
#include "data/view_plan.h"

// The sources of data.train, data.test or data.encode.
struct dataset_sources {
  const struct data_options *options;      // borrowed
  const char *key;                         // the section's name, borrowed
  struct source samples, labels, weights;  // labels and weights: axes 0 if not given
  struct view_plan *samples_plan, *labels_plan, *weights_plan;  // theirs, owned; NULL: plain rows
  // A mask, or weights that are the same for all samples (axes 0 if not given), and the weights
  // that follow from it: [n], owned, NULL if not given.
  struct source common;
  struct view_plan *common_plan;  // of rank 0
  double *pattern;
  struct source_range range;
  struct view *view;  // owned
  int64_t count;      // samples selected from the range
  // This rank's part of the samples of the range that belong to the wanted classes: `before` are on
  // lower ranks, `total` on all. `candidates` is owned, NULL if the whole range belongs to them.
  int64_t *candidates;
  int64_t candidate_count, before, total;
  // Of the passes: this rank's share and its rows, and the piece read last; owned, or NULL.
  struct source_range share;
  int64_t *index;
  struct dataset_piece *piece;
};

// Finds the candidates and counts how many are selected, for dataset_open(). The same errors.
// Collective.
bool dataset_count(struct comm *comm, struct dataset_sources *sources, struct error *error);

// The row numbers of this rank's share of the selected samples, owned. Collective.
int64_t *dataset_select(struct comm *comm, const struct dataset_sources *sources);

// ---- what all samples have in common ----

// Whether a source is of HDF5 files.
bool dataset_is_hdf5(const struct source *source);

// Prepares a companion that is assembled in the same way as the samples, so that its rows
// correspond to theirs; a single row if it is the same for all of them (*common). *plan is then its
// own; if that fails, NULL with a message. By rank 0 alone.
bool dataset_join(const struct dataset_sources *sources, struct source *source,
                  struct view_plan **plan, bool *common, struct error *error);

// Opens a file that `source` names by label, key and path, whatever its format. By rank 0 alone.
bool dataset_open_file(struct source *source, struct error *error);

// Opens the mask, if one is given: sources->common. By rank 0 alone.
bool dataset_open_mask(struct dataset_sources *sources, struct error *error);

// Reads sources->common, known to rank 0, once the view exists, and computes the weights from it.
// False on all ranks, with a message on all of them, if that fails. Collective.
bool dataset_read_common(struct comm *comm, struct dataset_sources *sources, struct error *error);

// ---- passes ----

// Some of this rank's rows.
struct dataset_piece {
  struct config_missing missing;  // as it was read
  size_t n;                       // entries of a row
  int64_t first, count;           // place of its first row among this rank's; how many
  double *y;                      // [count][n]; NaN is what does not count: missing, or of weight 0
  double *w;                      // [count][n], or NULL if no sample has weights of its own
  double *weight_sum;             // [count] over the entries that count
  int64_t filled;                 // entries that are the number of data.missing
};

struct dataset_pass {
  struct comm *comm;
  struct dataset_sources *sources;
  struct config_missing missing;
  size_t n;
  int64_t most, pieces, next;  // rows of a piece; how many pieces; which is next
};

// Begins a pass, and returns its next piece, borrowed until the next call; NULL, on all ranks, at
// the end or, with an error, if values or weights cannot be read or used. A rank may get a piece
// without rows. Both are collective.
void dataset_pass_begin(struct dataset_pass *pass, struct comm *comm,
                        struct dataset_sources *sources, struct config_missing missing);
const struct dataset_piece *dataset_pass_next(struct dataset_pass *pass, struct error *error);
void dataset_piece_destroy(struct dataset_piece **piece);

// The weight of entry j of row i of the piece, if it counts.
static inline double dataset_weight(const struct dataset_sources *sources, size_t i, size_t j) {
  if (sources->pattern != NULL) return sources->pattern[j];
  const struct dataset_piece *piece = sources->piece;
  return piece->w == NULL ? 1.0 : piece->w[i * piece->n + j];
}

// Whether the scaling can be applied to data.
bool dataset_check_scaling(const struct dataset_sources *sources, const struct dataset_rules *rules,
                           struct error *error);

// Scales row i of the piece, rounds it once and checks the result; entries that do not count become
// 0.
bool dataset_scale_row(const struct dataset_sources *sources, const struct dataset_rules *rules,
                       size_t i, real *y, struct error *error);

// Statistics of the entries that count, for each of `pairs` equal parts of the samples. Exact
// except for a final rounding, for any number of ranks. If `rules` are given, also checks whatever
// dataset_read() would. False on all ranks if that, or reading, fails. Collective.
bool dataset_measure(struct comm *comm, struct dataset_sources *sources,
                     struct config_missing missing, const struct dataset_rules *rules, size_t pairs,
                     struct dataset_moments *moments, int64_t *filled, struct error *error);

#endif
