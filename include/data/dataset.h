// A rank's share of a data set: samples y, weights w, labels.
#ifndef GFE_DATASET_H
#define GFE_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/loss.h"
#include "ground/error.h"
#include "ground/real.h"
#include "input/config.h"
#include "platform/comm.h"

enum { DATASET_AXES = 8 };

// Affine scaling y = (raw - offset) / scale.
struct scaling {
  double offset, scale;
};

struct dataset {
  int64_t count;                // samples of the whole set, N
  int64_t local_first;          // set index of this rank's first sample
  int64_t local_count;          // samples on this rank (may be 0)
  size_t n;                     // entries of a sample
  size_t stride;                // real_padded(n)
  int axes;                     // axes of one sample, 0 if it is a single number
  int64_t shape[DATASET_AXES];  // their lengths; the product is n
  real *y;                      // [local_count][stride], scaled, zero-padded, owned
  real *w;                      // the same for the weights, or NULL if all are 1, owned
  double *weight_sum;           // [local_count] sum of w, owned; n where w is NULL
  int64_t *label;               // [local_count] or NULL, owned
  int64_t *index;               // [local_count] places in the file, rising, owned
};

// What can be said of a set before reading it.
struct dataset_shape {
  int64_t count;  // samples selected
  int axes;
  int64_t shape[DATASET_AXES];
  size_t n;
  bool weights, labels;
};

// Opens the files of `options`, checks names, types, shapes and range, and fills *shape. `key` is
// the section's name for messages, such as "data.train". Collective; every rank gets the same
// answer, errors are left in *error of at least one rank.
void dataset_probe(struct comm *comm, const struct data_options *options, const char *key,
                   uint64_t seed, struct dataset_shape *shape, struct error *error);

// Reads this rank's share, [rank N / R, (rank + 1) N / R), unscaled; entries that are NaN get
// weight 0 and value 0 if `missing` is MISSING_NAN and are an error otherwise; an entry whose given
// weight is 0 has value 0 whatever the file holds. Returns an owned set, or NULL on all ranks if
// dataset_probe() would fail or a share is more than a node's memory. Collective; errors as above
// (comm_settle() them before use).
struct dataset *dataset_read(struct comm *comm, const struct data_options *options, const char *key,
                             int missing, uint64_t seed, struct error *error);

void dataset_destroy(struct dataset **dataset);

// The scaling that data.scale asks for, from the entries of `train` that have weight; the same on
// every rank and for any number of ranks. Constant data give scale 1. Collective.
struct scaling dataset_scaling(struct comm *comm, int kind, double value,
                               const struct dataset *train);

// A checksum of samples, weights and labels that does not depend on the number of ranks; never 0.
// Collective.
uint64_t dataset_checksum(struct comm *comm, const struct dataset *dataset);

// Applies it to the entries with weight; the others and the padding stay 0. If the loss wants data
// in [0, 1], a scaled value outside is an error that names sample, entry and value.
void dataset_scale(struct dataset *dataset, struct scaling scaling, enum loss_kind loss,
                   const char *key, struct error *error);

#endif
