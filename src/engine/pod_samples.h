// The samples to which a POD is fitted, centred and weighted on the fly: two products with them,
// whose sums have a fixed order on any number of ranks. A rank computes the sums over entries for
// its own samples, and those over samples for its own entries, of which it has the values of all
// samples.
#ifndef GFE_POD_SAMPLES_H
#define GFE_POD_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "ground/real.h"
#include "platform/comm.h"

// All or some entries of samples in a row; 0 beyond the last, w NULL: all weights are 1.
struct pod_sheet {
  int64_t first, count;       // samples
  size_t entry, entry_count;  // the first of the entries, how many
  size_t stride;
  const real *y, *w;  // [count][stride], borrowed or own
  real *own_y, *own_w;
};

// What is done to an entry: (y - mean) factor, and times its weight over the largest if weights
// differ from sample to sample.
struct pod_samples {
  struct comm *comm;
  int64_t total;  // samples
  size_t n;
  struct pod_sheet rows;     // this rank's samples, all entries
  struct pod_sheet entries;  // all samples, this rank's entries
  double *mean, *factor;     // [n], owned; factor: roots of weights that all samples share, or 1
  double weight;             // 0: all samples share their weights; else the largest, whose inverse
};

// Of a set (borrowed) with the values y (its own, or others of the same shape). Collective.
struct pod_samples *pod_samples_create(struct comm *comm, const struct dataset *set, const real *y);
void pod_samples_destroy(struct pod_samples **samples);

// by_entry [n][columns] = Y^T by_sample, with by_sample [total][columns]; both on all ranks, the
// columns a multiple of DENSE_COLUMNS. Collective.
void pod_samples_to_entries(const struct pod_samples *samples, size_t columns,
                            const double *by_sample, double *by_entry);

// by_sample [rows.count][columns] = Y by_entry, of this rank's samples. Not collective.
void pod_samples_to_rows(const struct pod_samples *samples, size_t columns, const double *by_entry,
                         double *by_sample);

// The sum of squares of all entries of Y. Collective.
double pod_samples_squares(const struct pod_samples *samples);

// Puts every rank's own rows in their places in all [total][columns]; other contents are
// overwritten. Collective.
void pod_samples_share_rows(const struct pod_samples *samples, size_t columns, const double *rows,
                            double *all);

// The same for the ranks' entries: `all` [n][columns] has each rank's own in place. Collective.
void pod_samples_share_entries(const struct pod_samples *samples, size_t columns, double *all);

// At most `most` samples of a set with their weights, evenly spaced, shared out as the set is.
// Owned, by pod_samples_thin_free(). Collective.
struct dataset *pod_samples_thin(struct comm *comm, const struct dataset *set, int64_t most);
void pod_samples_thin_free(struct dataset **few);

#endif
