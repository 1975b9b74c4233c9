// The accepted steps of one sample's flow, along which the adjoint goes back, and which a replay of
// the flow with the same steps needs. Latents are small, so the whole trajectory is stored.
#ifndef GFE_TRAJECTORY_H
#define GFE_TRAJECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/real.h"

struct trajectory_step {
  double clock, h;  // damping clock at the beginning, length
  bool restarted;   // the step began with p = 0 and the clock at 0
};

struct trajectory {
  size_t stride;  // real_padded(d)
  int stages;     // points kept per step
  int64_t count, room, limit;
  struct trajectory_step *steps;  // [count]
  real *points;  // [count][stages][stride] latents where g was evaluated; the first
                 // is where the step begins
  real *slopes;  // [count][2][stride] dz/dt at the beginning and the end of a step
  real *end;     // [stride] latent after the last step
};

// An empty trajectory; it can be reused by beginning again.
struct trajectory *trajectory_create(void);
void trajectory_destroy(struct trajectory **trajectory);

// Memory grows with the number of steps, up to `limit`.
void trajectory_begin(struct trajectory *trajectory, size_t d, int stages, int64_t limit);

// Adds an accepted step with its `stages` points, dz/dt at its beginning, and the latent it led to.
void trajectory_append(struct trajectory *trajectory, struct trajectory_step step,
                       const real *points, const real *slope, const real *end);

// Completes the last step, if any, with dz/dt at its end.
void trajectory_complete(struct trajectory *trajectory, const real *slope);

// Bytes of a trajectory of `steps` steps.
size_t trajectory_bytes(size_t d, int stages, int64_t steps);

#endif
