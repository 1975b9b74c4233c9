// Second derivatives of the reconstruction loss in one forward-over-reverse sweep (Pearlmutter
// 1994): for samples at latents z with directions v, the products H v with H = d^2 loss / dz^2, and
// the mixed derivative d/dtheta [v . g(z; theta)]. Formulas and notation:
// src/decoder/README.md, "Second derivatives".
//
// Rows come in slots, one per tile. Both halves, value and tangent, are rows of the same products:
// a slot of S samples takes 2 S rows, first the values and then the tangents.
#ifndef GFE_TANGENT_H
#define GFE_TANGENT_H

#include <stddef.h>

#include "decoder/decoder.h"
#include "decoder/objective.h"
#include "ground/real.h"

struct tangent;  // owned by the caller of tangent_create()

// Room for `slots` slots of `size` samples (a multiple of PLACEMENT_ROWS) with `decoder`
// (borrowed).
struct tangent *tangent_create(const struct decoder *decoder, size_t slots, size_t size);
void tangent_destroy(struct tangent **tangent);
size_t tangent_bytes(const struct decoder *decoder, size_t slots, size_t size);

// A slot's latents and directions, to be filled before a sweep: [size][real_padded(d)], borrowed.
real *tangent_latents(struct tangent *tangent, size_t slot);
real *tangent_directions(struct tangent *tangent, size_t slot);

// Sweeps over the first `slots` slots. samples[slot * size + i] is the sample in row i of a slot;
// where its y is NULL nobody stands and nothing is added anywhere. The product has at least `least`
// rows.
void tangent_sweep(struct tangent *tangent, size_t slots, size_t least,
                   const struct objective_row *samples);

// H v of a slot, [size][real_padded(d)], borrowed until the next sweep.
const real *tangent_product(const struct tangent *tangent, size_t slot);

// Adds the sum over a slot's samples of d/dtheta [v . g] to gradient [decoder->count].
void tangent_parameter_gradient(const struct tangent *tangent, size_t slot, real *gradient);

#endif
