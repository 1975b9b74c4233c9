// The task gradient_check: are the gradients right on the user's own data, decoder and flow?
#ifndef GFE_GRADIENT_CHECK_H
#define GFE_GRADIENT_CHECK_H

#include "engine/run.h"
#include "numerics/taylor.h"

enum gradient_kind {
  GRADIENT_Z,      // d loss / d z at the latents found
  GRADIENT_THETA,  // d loss / d theta with these latents held fixed
  GRADIENT_WHOLE,  // dL / dtheta through what makes the latents: the flow, replayed with its
                   // recorded steps, or the encoder of an autoencoder
  GRADIENT_KINDS
};

struct gradient_check {
  int64_t count;  // samples: the first of data.train
  int kinds;      // GRADIENT_WHOLE is omitted for flows without an adjoint (lbfgs, a shared step)
  bool encoder;   // the latents of GRADIENT_WHOLE come from an encoder
  struct taylor taylor[GRADIENT_KINDS];  // of the mean loss, along random directions
  real *gradient;                        // [decoder->count] dL/dtheta of the mean loss, through the
                                         // flow if it has an adjoint, or the encoder; owned
};

// Runs the check. Collective. Needs the program in double precision; setup_prepare() refuses
// float32.
struct gradient_check *gradient_check_run(struct run *run);
void gradient_check_destroy(struct gradient_check **check);

// The name of a kind (enum gradient_kind) in the log and in results.h5 (static).
const char *gradient_check_name(const struct gradient_check *check, enum gradient_kind kind);

// Whether the slope of a kind is 2 to within 0.05.
bool gradient_check_passed(const struct gradient_check *check, enum gradient_kind kind);

#endif
