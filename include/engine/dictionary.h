// A dictionary of latents at which flows of new samples may begin: 0, the mean of the trained
// latents, and a seeded subset of them. It belongs to the decoder in its present state and records
// where training samples have ended, so that the minima found by training can be found again.
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
enum { DICTIONARY_ENTRIES = 4096 };  // of a file at most, without the first ones
// The length of a latent up to which each trained entry has a metric of its own; beyond it, one
// metric serves all.
enum { DICTIONARY_METRIC_LATENT = 16 };

struct dictionary {
  size_t d;
  int64_t count;         // entries, at least DICTIONARY_TRAINED
  real *z;               // [count][real_padded(d)], owned
  int64_t *origin;       // [count] checksum of the sample of an entry, 0 if there is none; owned
  double trained_loss;   // mean of the losses of the trained entries; NaN without any
  double held_out_loss;  // of samples that were held out from training; NaN: not known
  double *standardised;  // [count][d] coordinates in which the trained latents have mean 0 and
                         // covariance 1; owned, made by dictionary_complete()
  double *factor;        // [d][d] L of their covariance L L^T; owned, the same
  real **metric;         // [count] for entries whose metric has been requested, otherwise
                         // NULL; owned. For long latents, DICTIONARY_MEAN has the one for all
  bool has_metrics;      // all possible metrics are present and are stored
  bool provisional;      // entries are latents in the middle of training: no metrics are computed
  // Of all trained latents or, if `latents` has not been set, of the entries, by
  // dictionary_complete():
  int64_t latents;                   // how many there are
  double *latent_mean, *covariance;  // [d], [d][d], owned
};

// Room for `trained` trained entries, all zero. Owned by the caller.
struct dictionary *dictionary_create(size_t d, int64_t trained);
void dictionary_destroy(struct dictionary **dictionary);

// To be called once the trained entries are in place: computes their mean and the standardised
// coordinates, and mean and covariance of the trained latents unless these are known.
void dictionary_complete(struct dictionary *dictionary);

// Adds 1e-6 of the mean variance to the diagonal of a covariance [d][d], because some latent
// numbers may be unused; returns the trace that it had before.
double dictionary_add_ridge(size_t d, double *covariance);

// |a - b|^2 of two entries in standardised coordinates.
double dictionary_distance2(const struct dictionary *dictionary, int64_t a, int64_t b);

// A checksum of everything that determines where flows begin; never 0.
uint64_t dictionary_checksum(const struct dictionary *dictionary);

// The number of metrics once all have been computed, and the first entry that has one.
int64_t dictionary_metric_count(const struct dictionary *dictionary);
int64_t dictionary_metric_first(const struct dictionary *dictionary);

// All metrics, [dictionary_metric_count][d][d], without padding; zeros: there is none. Setting them
// keeps those that exist already and determines has_metrics.
void dictionary_get_metrics(const struct dictionary *dictionary, real *packed);
void dictionary_set_metrics(struct dictionary *dictionary, const real *packed);

// Gives all ranks the dictionary of rank 0. Collective.
void dictionary_broadcast(struct dictionary *dictionary, const struct ranks *ranks);

#endif
