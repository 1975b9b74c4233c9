// A dictionary of latents at which flows of new samples may begin: 0, the mean of the trained
// latents, and a seeded subset of them. It belongs to a decoder as it stands and says where
// training samples have ended, so it keeps the way back to the minima that training has found.
#ifndef GFE_DICTIONARY_H
#define GFE_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/decoder.h"
#include "ground/ranks.h"
#include "ground/real.h"

// The first entries of every dictionary.
enum { DICTIONARY_ZERO, DICTIONARY_MEAN, DICTIONARY_TRAINED };
enum { DICTIONARY_ENTRIES = 4096 };  // trained ones at the most
// Numbers in a latent up to which each trained entry has a metric of its own; beyond, one serves
// all.
enum { DICTIONARY_METRIC_LATENT = 16 };

struct dictionary {
  size_t d;
  int64_t count;         // entries, DICTIONARY_TRAINED at the least
  real *z;               // [count][real_padded(d)], owned
  int64_t *origin;       // [count] a checksum of the sample that an entry is of, 0: of none; owned
  double trained_loss;   // mean of the losses of the trained entries; NaN without any
  double held_out_loss;  // of samples that were held out from training; NaN: not known
  double *standardised;  // [count][d] coordinates in which the trained latents have mean 0 and
                         // covariance 1; owned, made by dictionary_complete()
  double *factor;        // [d][d] L of their covariance L L^T; owned, the same
  real **metric;         // [count] of those entries that have been asked for their metric, else
                         // NULL; owned. Of long latents DICTIONARY_MEAN has that of all
  bool has_metrics;      // all that there can be: they are stored
  // Of all trained latents, or, if nobody has set `latents`, of the entries, by
  // dictionary_complete():
  int64_t latents;                   // how many they are
  double *latent_mean, *covariance;  // [d], [d][d], owned
};

// Trained entries that a dictionary has at most: so many that ranking a sample among them costs
// about one evaluation, from 64 to 4,096; a function of the decoder alone.
int64_t dictionary_most(const struct decoder *decoder);

// Room for `trained` trained entries, all zero. Owned by the caller.
struct dictionary *dictionary_create(size_t d, int64_t trained);
void dictionary_destroy(struct dictionary **dictionary);

// Once the trained entries are there: finds their mean and the standardised coordinates, and mean
// and covariance of the trained latents unless these are known.
void dictionary_complete(struct dictionary *dictionary);

// Adds 1e-6 of the mean variance to the diagonal of a covariance [d][d], as latents may be unused;
// returns its trace before.
double dictionary_add_ridge(size_t d, double *covariance);

// |a - b|^2 of two entries in standardised coordinates.
double dictionary_distance2(const struct dictionary *dictionary, int64_t a, int64_t b);

// A checksum of all that decides where flows begin; never 0.
uint64_t dictionary_checksum(const struct dictionary *dictionary);

// Metrics that there are once all are made, and the entry that has the first of them.
int64_t dictionary_metric_count(const struct dictionary *dictionary);
int64_t dictionary_metric_first(const struct dictionary *dictionary);

// All of them, [dictionary_metric_count][d][d], gap-free; zeros: there is none. Setting them keeps
// those that are there already and settles has_metrics.
void dictionary_get_metrics(const struct dictionary *dictionary, real *packed);
void dictionary_set_metrics(struct dictionary *dictionary, const real *packed);

// What rank 0 has, on all ranks. Collective.
void dictionary_broadcast(struct dictionary *dictionary, const struct ranks *ranks);

#endif
