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

enum { DATASET_AXES = 8, DATASET_PIECE = 1 << 27 };  // axes; bytes, as doubles, read at a time

struct dataset {
  int64_t count;                // samples of the whole set, N
  int64_t local_first;          // set index of this rank's first sample
  int64_t local_count;          // samples on this rank (may be 0)
  size_t n;                     // entries of a sample
  size_t stride;                // real_padded(n)
  int axes;                     // axes of one sample, 0 if it is a single number
  int64_t shape[DATASET_AXES];  // their lengths; the product is n
  real *y;                      // [local_count][stride], scaled, padded with zeros, owned
  real *w;                      // the same for the weights, or NULL if all are 1, owned
  double *weight_sum;           // [local_count] sum of w, owned; n where w is NULL
  int64_t *label;               // [local_count] or NULL, owned
  double *real_label;           // the same for real-valued labels; at most one of the two
  int64_t *index;               // [local_count] numbers among the view's samples, ascending, owned
  int64_t filled;               // entries of the whole set equal to the number in data.missing
  int64_t *group;  // [local_count] samples of one group (trajectory) stay together when a part is
                   // held out; owned
};

// What is known about a set before it is read.
struct dataset_shape {
  int64_t count;  // samples selected
  int axes;
  int64_t shape[DATASET_AXES];
  size_t n;
  bool weights, labels;
  bool missing;  // the file itself says which entries are missing
};

struct dataset_sources;  // the opened files of a set, and which part of them is wanted

// Opens the files of `options` (borrowed until dataset_close()), checks names, types, shapes and
// range, and finds out which samples are selected. `key` (borrowed) is the section's name for
// messages, such as "data.train"; `seed` is that of synthetic sets. `options` must have passed
// config_check(): either file or generate is given. The result is owned by the caller
// (dataset_close()); NULL on all ranks, with a message in *error on at least one. Collective.
struct dataset_sources *dataset_open(struct comm *comm, const struct data_options *options,
                                     const char *key, uint64_t seed, struct error *error);
struct dataset_shape dataset_describe(const struct dataset_sources *sources);

// The view that describes the samples; ownership passes to the caller.
struct view *dataset_take_view(struct dataset_sources *sources);
void dataset_close(struct dataset_sources **sources);

// It is an error, which names one of them, if samples of `b` belong to a trajectory of `a` (or,
// where a single axis numbers the samples, are samples of `a`). Generated sets are not compared.
// Collective.
void dataset_check_overlap(struct comm *comm, const struct dataset_sources *a,
                           const struct dataset_sources *b, struct error *error);

// How samples are to be read.
struct dataset_rules {
  struct config_missing missing;
  const struct scaling *scaling;  // NULL: none
  enum loss_kind loss;
};

// Reads this rank's share, [rank N / R, (rank + 1) N / R), scales it in double and rounds it last.
// Entries that are missing (data.missing, or marked by the file itself), masked or of weight 0 get
// weight 0 and value 0; NaN is an error otherwise. If the loss requires data in [0, 1], a scaled
// value outside is an error that names sample, entry and value. Returns an owned set, or NULL on
// all ranks if a share exceeds a rank's part of its node's memory or anything is wrong.
// Collective; errors as above (comm_settle() them before use).
struct dataset *dataset_read(struct comm *comm, struct dataset_sources *sources,
                             const struct dataset_rules *rules, struct error *error);

// Statistics of unscaled entries, of which `entries` count and `missing` have weight 0. If none
// counts, the range is empty, and mean and deviation are 0.
struct dataset_moments {
  int64_t entries, missing;
  double min, max, mean, deviation;
};

struct dataset_survey {
  struct dataset_moments all;
  size_t channels;
  struct dataset_moments *channel;  // [channels], owned
  int64_t filled;                   // entries equal to the number in data.missing
};

// Scans a set without keeping it, in pieces of 128 MiB (twice if there is more than one piece), and
// finds whatever dataset_read() would object to. `channels` of equal size make a sample.
// Collective; errors as above.
struct dataset_survey dataset_survey(struct comm *comm, struct dataset_sources *sources,
                                     const struct dataset_rules *rules, size_t channels,
                                     struct error *error);

// For tests: from now on, the size of pieces, and how many parts of a sample are measured at once.
void dataset_limit_pieces(size_t bytes);
void dataset_limit_strips(size_t parts);

void dataset_destroy(struct dataset **dataset);

// The scaling that data.scale asks for. Constants that depend on the data are computed from the
// entries of `train` (otherwise NULL) that count, read in pieces, by exact sums with the same bits
// for any number of ranks. Where data are constant or missing, the scale is 1, and a message says
// so. `n`: entries of a sample; `view`: its channels. Owned; NULL on all ranks if reading fails.
// Collective; errors as above.
struct scaling *dataset_scaling(struct comm *comm, const struct config_scale *scale, size_t n,
                                struct dataset_sources *train, const struct view *view,
                                struct config_missing missing, struct error *error);

// A checksum of samples, weights and labels that does not depend on the number of ranks; never 0.
// Collective.
uint64_t dataset_checksum(struct comm *comm, const struct dataset *dataset);

#endif
