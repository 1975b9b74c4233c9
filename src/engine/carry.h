// What the flows of a batch leave behind: the curvature that each has found, for the next flow of
// the same sample after an update of theta, and each one's last pass through the decoder, which the
// gradient of theta can use instead of another pass.
#ifndef GFE_CARRY_H
#define GFE_CARRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/decoder.h"
#include "decoder/objective.h"
#include "flow/solver.h"

struct carry {
  int64_t iterations;  // maximum for the next flows; 0: what their options say
  // The rest is carry.c's own.
  int64_t count, kept;    // samples; the first `kept` of them have room for a pass
  int64_t most;           // maximum of `kept`
  size_t curvature_size;  // bytes per sample; 0: none is kept
  char *curvature;        // [count] of them
  size_t pass_size;       // elements of a pass
  real *passes;           // [kept] of them
  bool *left;             // [kept] whether there is one
};

// For flows with `options` through `decoder`; `learns`: keep their curvature, if their solver
// learns any; `passes`: keep their last passes. Owned by the caller.
struct carry *carry_create(const struct decoder *decoder, const struct solver_options *options,
                           bool learns, bool passes);
void carry_destroy(struct carry **carry);

// Bytes with `samples` samples.
double carry_bytes(const struct decoder *decoder, const struct solver_options *options, bool learns,
                   bool passes, double samples);

// Whether it pays to keep passes through this decoder: not if they are large.
bool carry_passes_pay(const struct decoder *decoder);

// Starts over with `count` other samples, about which nothing is known yet.
void carry_begin(struct carry *carry, int64_t count);

// To be called after theta has changed: the passes kept so far belong to the old theta.
void carry_forget_passes(struct carry *carry);

// The curvature of a sample, to be read and written by its solver; NULL if none is kept.
void *carry_curvature(const struct carry *carry, int64_t sample);

// Keeps the pass in a row of the objective's last evaluation for a sample, if there is room.
void carry_take_pass(struct carry *carry, int64_t sample, const struct objective *objective,
                     size_t row);

// A sample's pass (borrowed), NULL if there is none.
const real *carry_pass(const struct carry *carry, int64_t sample);

#endif
