// A rank's share of a data set: samples y, weights w, labels.
#ifndef GFE_DATASET_H
#define GFE_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/scaling.h"
#include "data/view.h"
#include "decoder/loss.h"
#include "ground/error.h"
#include "ground/real.h"
#include "input/config.h"
#include "platform/comm.h"

enum { DATASET_AXES = 8 };

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
  double *real_label;           // the same where labels are real; one of both at the most
  int64_t *index;               // [local_count] places among all samples of the view, rising, owned
  int64_t *group;  // [local_count] samples of one group (trajectory) stay together when a part is
                   // held out; owned
};

// What can be said of a set before reading it.
struct dataset_shape {
  int64_t count;  // samples selected
  int axes;
  int64_t shape[DATASET_AXES];
  size_t n;
  bool weights, labels;
};

struct dataset_sources;  // the files of a set, opened: what they hold and what is wanted of it

// Opens the files of `options` (borrowed until dataset_close()), checks names, types, shapes and
// range, and finds out which samples are selected. `key` (borrowed) is the section's name for
// messages, such as "data.train"; `seed` is that of synthetic sets. config_check() has seen
// `options`: one of file and generate is given. Owned, by dataset_close(); NULL on all ranks alike
// with a message in *error of at least one. Collective.
struct dataset_sources *dataset_open(struct comm *comm, const struct data_options *options,
                                     const char *key, uint64_t seed, struct error *error);
struct dataset_shape dataset_describe(const struct dataset_sources *sources);

// What the samples are made of; from now on owned by the caller.
struct view *dataset_take_view(struct dataset_sources *sources);
void dataset_close(struct dataset_sources **sources);

// Samples of `b` that are of a trajectory (or, where a single axis numbers samples, are a sample)
// of `a` are an error that names one. Generated sets are not compared. Collective.
void dataset_check_overlap(struct comm *comm, const struct dataset_sources *a,
                           const struct dataset_sources *b, struct error *error);

// Reads this rank's share, [rank N / R, (rank + 1) N / R), unscaled; entries that are NaN get
// weight 0 and value 0 if `missing` is MISSING_NAN and are an error otherwise; an entry whose given
// weight is 0 has value 0 whatever the file holds. Returns an owned set, or NULL on all ranks if a
// share is more than a rank's part of its node's memory. Collective; errors as above (comm_settle()
// them before use).
struct dataset *dataset_read(struct comm *comm, const struct dataset_sources *sources,
                             enum missing missing, struct error *error);

// What the entries that count are like, unscaled.
struct dataset_survey {
  int64_t entries, missing;  // that count; that have weight 0
  double min, max, mean, deviation;
};

// Looks through a set without keeping it, in pieces of 128 MiB: finds what dataset_read() would
// complain of and, if `scaling` is not NULL, what dataset_scale() would. Collective; errors as
// above.
struct dataset_survey dataset_survey(struct comm *comm, const struct dataset_sources *sources,
                                     enum missing missing, const struct scaling *scaling,
                                     enum loss_kind loss, struct error *error);

void dataset_destroy(struct dataset **dataset);

// The scaling that data.scale asks for, from the entries of `train` that have weight; the same on
// every rank and for any number of ranks. Constant data give scale 1. `n`: entries of a sample.
// Owned. Collective.
struct scaling *dataset_scaling(struct comm *comm, enum scale_kind kind, double value, size_t n,
                                const struct dataset *train);

// A checksum of samples, weights and labels that does not depend on the number of ranks; never 0.
// Collective.
uint64_t dataset_checksum(struct comm *comm, const struct dataset *dataset);

// Applies it to the entries with weight; the others and the padding stay 0. If the loss wants data
// in [0, 1], a scaled value outside is an error that names sample, entry and value.
void dataset_scale(struct dataset *dataset, const struct scaling *scaling, enum loss_kind loss,
                   const char *key, struct error *error);

#endif
