// Reconstruction losses of a sample y and the decoder's output x (src/decoder/README.md, "Losses").
// One row of the table in loss.c per loss.
#ifndef GFE_LOSS_H
#define GFE_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"

enum loss_kind {
  LOSS_BCE,  // mean of softplus(x) - y x: binary cross-entropy with logits
  LOSS_MSE,  // mean of (x - y)^2
  LOSS_KINDS
};
const char *loss_name(int kind);  // NULL beyond the last

struct loss_ops {
  const char *name;
  bool unit_interval;       // data must lie in [0, 1]
  const char *output_text;  // what loss_output() gives; NULL: values like those of the data
  double curvature;         // the largest d^2 loss / d x^2 of an entry
  double percent;           // the fraction by which it falls if the figure that users quote, the
                            // loss itself or its root, falls by 1 %
};

const struct loss_ops *loss_ops(enum loss_kind kind);

// A sample (borrowed).
struct loss_sample {
  const real *y, *w;  // w NULL: 1 everywhere
  double weight_sum;  // sum of w > 0
  // Of an excerpt: the places of its entries in the whole sample, whose other entries have weight
  // 0. Its loss has the same bits as that of the whole; w is not NULL. NULL: a whole sample.
  const size_t *places;
};

// The loss of one sample: sum of w (...) / weight_sum, summed in double. All rows have `stride`
// elements, a multiple of REAL_PAD, of which `n` count. On return x holds d loss / d x, with zeros
// in the padding.
double loss_row(enum loss_kind kind, size_t n, size_t stride, const struct loss_sample *sample,
                real *x);

// The same with a tangent x_dot; on return x_dot holds (d^2 loss / d x^2) x_dot, entry by entry.
double loss_row_tangent(enum loss_kind kind, size_t n, size_t stride,
                        const struct loss_sample *sample, real *x, real *x_dot);

// Either loss of a sample is, up to a factor and a term that does not depend on x, the sum of
// w (a(x) - y x), where a is x^2 / 2 for mse and softplus(x) for bce. Fills a [stride] from
// x [stride], of which `n` count, with zeros in the padding, and returns the sum of a.
double loss_potential(enum loss_kind kind, size_t n, const real *x, real *a);

// Converts the decoder's output x to the data it stands for, in place.
void loss_output(enum loss_kind kind, size_t count, real *x);

#endif
