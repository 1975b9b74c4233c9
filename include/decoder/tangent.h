// Second derivatives of the reconstruction loss in one forward-over-reverse sweep (Pearlmutter
// 1994): for samples at latents z with directions v, the products H v with H = d^2 loss / dz^2, the
// prior's part included, and the mixed derivative d/dtheta [v . g(z; theta)]. Formulas and
// notation: src/decoder/README.md, "Second derivatives".
#ifndef GFE_TANGENT_H
#define GFE_TANGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/decoder.h"
#include "decoder/objective.h"
#include "ground/real.h"

struct tangent;  // owned by the caller of tangent_create()

// Room for up to `rows` rows with `decoder` (borrowed); tangent_parameter_gradient() may be called
// only if it is created `with_parameters`, which takes more memory.
struct tangent *tangent_create(const struct decoder *decoder, size_t rows, bool with_parameters);
void tangent_destroy(struct tangent **tangent);
size_t tangent_bytes(const struct decoder *decoder, size_t rows, bool with_parameters);

// The rows' latents and directions, to be filled before a sweep: [rows][real_padded(d)], borrowed.
real *tangent_latents(struct tangent *tangent);
real *tangent_directions(struct tangent *tangent);

// Sweeps over `rows` rows, samples[row] being the sample of each. Returns H v, [rows]
// [real_padded(d)], borrowed until the next sweep.
const real *tangent_sweep(struct tangent *tangent, size_t rows,
                          const struct objective_row *samples);

// Adds the sum of d/dtheta [v . g] over rows first ... first + count - 1 of the last sweep to
// gradient [decoder->count].
void tangent_parameter_gradient(const struct tangent *tangent, size_t first, size_t count,
                                real *gradient);

#endif
