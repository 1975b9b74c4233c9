// The task gradient_check: are the gradients right on the user's own data, decoder and flow?
#ifndef GFE_GRADIENT_CHECK_H
#define GFE_GRADIENT_CHECK_H

#include "run.h"
#include "taylor.h"

enum gradient_kind {
  GRADIENT_Z,      // d loss / d z at the latents found
  GRADIENT_THETA,  // d loss / d theta with these latents held fixed
  GRADIENT_FLOW,   // dL / dtheta through the flow, replayed with its recorded steps
  GRADIENT_KINDS
};
const char *gradient_name(int kind);

struct gradient_check {
  int64_t count;  // samples: the first of data.train
  int kinds;      // GRADIENT_FLOW is left out for lbfgs, which has no adjoint
  struct taylor taylor[GRADIENT_KINDS];  // of the mean loss, along random directions
  real *gradient;                        // [decoder->count] dL/dtheta of the mean loss, through the
                                         // flow if it has an adjoint; owned
};

// Checks. Collective. Needs the double precision program; run_prepare() refuses the other.
struct gradient_check *gradient_check_run(struct run *run);
void gradient_check_destroy(struct gradient_check **check);

// Whether the slope of a kind is 2 within 0.05.
bool gradient_check_passed(const struct gradient_check *check, int kind);

#endif
