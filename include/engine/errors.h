// How far reconstructions are from the samples, in the data's own units (the scaling undone), as
// relative L2 errors ||x - y|| / ||y||. Entries of weight 0 are left out; all others count equally,
// whatever their weight in the loss. For a loss whose output is a logit, x is the mean that the
// logit represents.
#ifndef GFE_ERRORS_H
#define GFE_ERRORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/run.h"

// Size of the blocks of reconstructions, here and where they are written; at least one of them.
enum { ERRORS_BLOCK = 1 << 24 };  // bytes

// Error measures of a whole set.
enum errors_number {
  ERRORS_RELATIVE,  // of the set as one vector: the ratio of Frobenius norms
  ERRORS_MEAN,      // over the samples' own relative errors, like the next three
  ERRORS_MEDIAN,
  ERRORS_P95,
  ERRORS_WORST,
  ERRORS_CENTRED,  // relative to ||y - mean||: 1 for the mean sample
  ERRORS_MAX,      // the largest |x - y| of an entry, in the data's units
  ERRORS_NUMBERS
};
const char *errors_name(enum errors_number number);  // "relative_l2_mean", ...: as in files
const char *errors_text(enum errors_number number);  // a description in one line

// The source of the reconstructions; its prefix for names in files: "", "encoder_", "pod_".
enum errors_source { ERRORS_BY_FLOW, ERRORS_BY_ENCODER, ERRORS_BY_POD, ERRORS_SOURCES };
const char *errors_prefix(enum errors_source source);

// A ratio whose denominator is 0 is NaN; such a sample is left out of mean, median, p95 and worst.
// A reconstruction that is not finite makes its sample's numbers infinite, and the set's NaN.
struct errors {
  double number[ERRORS_NUMBERS];
  int64_t channels;
  double *channel_relative;  // [channels] relative L2, owned
  double *channel_max;       // [channels] the largest |x - y|, owned
  double *sample_relative;   // of each of this rank's samples, owned
  double *sample_max;        // the same
};

// The unscaled value of an entry. One that was 0 and comes back as a rounding error becomes 0.
static inline double errors_unscaled(double scaled, double scale, double offset) {
  static const double epsilon = sizeof(real) == sizeof(double) ? 0x1p-52 : 0x1p-23;
  const double value = scaled * scale + offset;
  return fabs(value) <= epsilon * fabs(offset) ? 0.0 : value;
}

// Fills x [count][real_padded(n)] with reconstructions, scaled, of this rank's samples from `first`
// on.
typedef void errors_reconstruct(const void *context, int64_t first, int64_t count, real *x);

// The mean sample, scaled, [real_padded(n)]: of the training samples if they are loaded, else of
// the set's own; of each entry over the samples where it counts. Owned by the caller. Collective.
real *errors_mean_sample(const struct run *run, enum set set);

// The errors of a set that is loaded, block by block; `mean` from errors_mean_sample(). The numbers
// have the same bits on any number of ranks. Owned by the caller. Collective.
struct errors *errors_measure(const struct run *run, enum set set, const real *mean,
                              errors_reconstruct *reconstruct, const void *context);
void errors_destroy(struct errors **errors);

#endif
