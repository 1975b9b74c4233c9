// What adaptive minimise distance (src/flow/README.md, "Adaptive minimise distance") keeps track
// of, for one sample or for a group of samples that share their steps: step lengths, and whether
// the loss is still falling.
#ifndef GFE_SOLVER_AMD_H
#define GFE_SOLVER_AMD_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/solver.h"

enum { AMD_WINDOW = 5 };  // accepted points that the convergence tests look back on

struct amd_steps {
  double t, h, step;          // flow time, controlled step size, length of the current trial
  double losses[AMD_WINDOW];  // of the last accepted points, a ring buffer
  int64_t iterations;         // accepted steps
  int64_t reductions;         // in the current step
  int standing;               // consecutive steps that changed the loss by less than `tolerance`
};

// At the beginning of a flow.
struct amd_steps amd_begin(const struct solver_options *options);

// The length of the next trial; the last step is shortened to end at tau.
double amd_next(struct amd_steps *steps, const struct solver_options *options);

// The trial is rejected, and the next one is shorter. False if there have been too many.
bool amd_reduce(struct amd_steps *steps, const struct solver_options *options);

// The trial is accepted, at a point where the loss has fallen by `decrease` from `loss`. A
// shortened step does not affect the step control.
void amd_accept(struct amd_steps *steps, const struct solver_options *options, double loss,
                double decrease);

// Records the loss of the last accepted point, including the first one.
void amd_note(struct amd_steps *steps, double loss);

// Whether the loss has stopped falling, by `slope` if that is set, else by `tolerance`.
bool amd_rests(const struct amd_steps *steps, const struct solver_options *options);

#endif
