// Encoding a whole data set with the decoder in its present state: the latents, their losses,
// and how the flows went; for an autoencoder, also the latents given by its encoder. It can be
// done in slices and resumed from a checkpoint.
#ifndef GFE_EVALUATION_H
#define GFE_EVALUATION_H

#include <stdbool.h>

#include "engine/ensemble.h"
#include "engine/errors.h"
#include "engine/pod.h"
#include "engine/run.h"
#include "engine/tally.h"
#include "ground/state.h"

struct pod_codes;
struct modes;

// Where flows begin: for new samples, as evaluation.start says; where training has left the
// latents; or, for some of the training samples, as if they were new, never at their own latents.
// There are no flows if new samples are encoded by an autoencoder's encoder alone.
enum evaluation_kind {
  EVALUATION_NEW,
  EVALUATION_TRAINED,
  EVALUATION_AS_NEW,
  EVALUATION_BY_ENCODER
};

struct evaluation {
  enum evaluation_kind kind;
  enum set set;
  struct encoding *encoding;    // of this rank's samples, owned
  struct encoding *by_encoder;  // z and loss by the autoencoder's encoder, owned; NULL without one
  // Once all samples are encoded:
  double loss;          // mean over the whole set; NaN if one is not finite
  double objective;     // mean of what the flows minimised, if a prior contributes; else NaN
  double loss_encoder;  // the same of `by_encoder`; NaN without an encoder
  struct tally tally;   // of the whole set
  struct errors *errors[ERRORS_SOURCES];  // owned; NULL: not measured, or no such source
  // Uncertainty of latents, if requested (evaluation.uncertainty), else NULL: standard deviations
  // [count][d] and covariances [count][d][d]. Owned.
  double *z_std, *z_covariance;
  struct modes
      *modes;  // of the posterior, if there is a prior (evaluation.modes), else NULL; owned
  struct pod_codes *pod;  // from evaluation_measure() on, owned; NULL: without POD
  // The rest is evaluation.c's own.
  struct run *run;
  struct samples samples;
  struct ensemble *ensemble;
  struct observation *observation;  // of the samples under way, owned; NULL: all outputs
  struct posterior *bars;           // for uncertainties where flows had none; owned
  struct posterior *posterior;      // used by the flows; NULL: they follow the loss alone
  double begun;
  int64_t identity;  // of everything that determines the latents
  bool flows_ended;  // or there are none
  int64_t passed;    // samples that have been through the autoencoder's encoder
};

// A new evaluation of a set that is loaded. For EVALUATION_TRAINED and EVALUATION_AS_NEW, this is
// the training set, and run->latents must exist.
struct evaluation *evaluation_create(struct run *run, enum set set, enum evaluation_kind kind);

// The samples that are encoded: for EVALUATION_AS_NEW, at most AS_NEW_MOST, evenly spaced.
enum { AS_NEW_MOST = 2000 };
int64_t evaluation_samples(const struct evaluation *evaluation);
void evaluation_destroy(struct evaluation **evaluation);

// Encodes for about `seconds` with run->decoder, which must be the same in every call. True while
// samples are left. Collective, with the same answer on all ranks.
bool evaluation_advance(struct evaluation *evaluation, double seconds);

// The number of samples of the whole set that have been encoded. Collective.
int64_t evaluation_count(const struct evaluation *evaluation);

// Adds what has been encoded to a state; samples in progress count as not begun. A state that has
// been read takes effect in evaluation_resume().
void evaluation_state(struct evaluation *evaluation, struct state *state);

// To be called once a state, including that of the decoder, has been read: false if the set was
// encoded with different options, parameters, first guesses or data; it is then encoded anew.
bool evaluation_resume(struct evaluation *evaluation);

// Adds everything known about the set's samples to a state, as columns of results.h5 (borrowed).
void evaluation_columns(const struct evaluation *evaluation, struct state *state);

// Fills x [count][real_padded(n)] with the reconstructions, scaled, of this rank's samples from
// `first` on, by an existing source, once all are encoded; POD's only after evaluation_measure().
void evaluation_reconstruct(const struct evaluation *evaluation, enum errors_source source,
                            int64_t first, int64_t count, real *x);

// Computes the uncertainty of the latents of an encoded set of new samples. Collective.
void evaluation_measure_uncertainty(struct evaluation *evaluation);

// After that, fills x [count][real_padded(n)] with the standard deviations, scaled, of this rank's
// reconstructions from `first` on.
void evaluation_spread(const struct evaluation *evaluation, int64_t first, int64_t count, real *x);

// If there are modes, fills rows of the same size with mean and standard deviations of the
// posterior.
void evaluation_mix(const struct evaluation *evaluation, int64_t first, int64_t count, real *mean,
                    real *deviation);

// Measures the errors of all sources of a set that is encoded; `pod` (NULL: none) is one of them.
// Collective.
void evaluation_measure(struct evaluation *evaluation, const struct pod *pod);

#endif
