// What the instruction sets provide for activations; see activation.h for the functions.
#ifndef GFE_ACTIVATION_KERNELS_H
#define GFE_ACTIVATION_KERNELS_H

#include "decoder/activation.h"

struct activation_kernels {
  struct {
    void (*forward)(struct activation phi, struct activation_block block, real *s, real *slope);
    void (*curve)(struct activation phi, struct activation_block block, real *s, real *slope,
                  real *curvature);
  } kinds[ACTIVATION_KINDS];
  void (*backward)(struct activation_block block, const real *slope, real *delta);
  void (*tangent)(struct activation_block block, const real *slope, real *bend, real *s_dot);
  void (*tangent_backward)(struct activation_block block, const real *slope, const real *bend,
                           real *delta, real *delta_dot);
};

#endif
