// Encoding a whole data set with the decoder as it stands: the latents from z = 0, their losses,
// and how the flows went.
#ifndef GFE_EVALUATION_H
#define GFE_EVALUATION_H

#include "encoder.h"
#include "run.h"
#include "tally.h"

struct evaluation {
  int set;                    // enum set
  struct encoding *encoding;  // of this rank's samples, owned
  double loss;                // mean over the whole set; NaN if one is not finite
  struct tally tally;         // of the whole set
};

// `progress`: what to call the work on screen, or NULL. Collective.
struct evaluation *evaluation_run(struct run *run, int set, const char *progress);

// The reconstructions of this rank's first `count` samples, [count][real_padded(n)], owned by the
// caller.
real *evaluation_decode(const struct run *run, const struct evaluation *evaluation, int64_t count);

void evaluation_destroy(struct evaluation **evaluation);

#endif
