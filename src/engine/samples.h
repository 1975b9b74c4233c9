// Samples to be encoded, and how one of them becomes a row of the objective.
#ifndef GFE_SAMPLES_H
#define GFE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/objective.h"
#include "flow/solver.h"

// Samples on this rank (all borrowed).
struct samples {
  int64_t count;
  const real *y;              // [count][real_padded(n)]
  const real *w;              // the same, or NULL
  const double *weight_sum;   // [count]
  const int64_t *position;    // [count] place in the whole batch or data set
  int64_t position_first;     // if position is NULL: those of samples are position_first + i
  int64_t total;              // samples on all ranks
  const struct prior *prior;  // of their latents; NULL: none
};

// The position of sample i of these.
int64_t samples_position(const struct samples *samples, int64_t i);

// What the objective needs to know about sample i, of `n` entries (borrowed from the samples).
struct objective_row samples_row(const struct samples *samples, size_t n, int64_t i);

// The losses, with their priors' parts, of some samples at their latents z
// [count][real_padded(d)], into losses [count], in products of up to `rows` rows. `chosen`
// [wanted]: which of the samples; NULL: the first ones. The losses of the others are unchanged.
void samples_losses(const struct samples *samples, const struct decoder *decoder, size_t rows,
                    int64_t wanted, const int64_t *chosen, const real *z, double *losses);

// The factor alpha of the flow's right-hand side for sample i.
double samples_alpha(const struct samples *samples, const struct solver_options *options,
                     int64_t i);

#endif
