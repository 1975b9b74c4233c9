// Where the flows of samples begin: one start each, or several, of which the one ending lowest is
// kept.
#ifndef GFE_STARTS_H
#define GFE_STARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/real.h"

struct starts {
  size_t tries;         // of a sample at most
  int8_t *kind;         // [count][tries] enum start; START_NONE: no more. Owned
  real *z;              // [count][tries][real_padded(d)], owned
  const real **metric;  // [count][tries] the problem's, borrowed; NULL: that of all samples. Owned
  bool near;            // these metrics are each start's own
  double *loss;         // [count][tries] at the starts, NaN where it is not known; owned
  // Where flows begin instead, [count][tries][real_padded(d)], if the loss there is not above that
  // at the start; and whether there is such a guess, [count][tries]. Owned; NULL: there are none.
  real *guess;
  bool *guessed;
  double enough;  // no further try once the loss is as low as this
  // L of the covariance L L^T of latents, [d][d], borrowed: further tries are given up once they
  // come near the end that is kept; NULL: they are not.
  const double *factor;
};
enum { START_NONE = -1 };

struct starts *starts_create(int64_t count, size_t tries, size_t d);
void starts_destroy(struct starts **starts);

// Try `t` of sample i, NULL if there is none; and the guess instead of it, the same.
const real *starts_latent(const struct starts *starts, size_t d, int64_t i, size_t t);
const real *starts_guess(const struct starts *starts, size_t d, int64_t i, size_t t);
// Whether a point lies within a tenth of a standard deviation of another (the mean over the d axes
// of latents), as `factor` has it.
bool starts_near(const struct starts *starts, size_t d, const real *a, const real *b);

// Ends the starts of each sample before the first one at which the loss is more than `factor` times
// that at its first start.
void starts_cut(struct starts *starts, int64_t count, double factor);

// Bytes of a sample, with guesses.
size_t starts_bytes(size_t tries, size_t d);

#endif
