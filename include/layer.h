// Layers of the decoder: pure functions on rows of samples. A layer computes sums s from its input
// a; the activation (activation.h) makes the next input of them. One file layer_*.c and one row of
// the table in layer.c per kind. The backward products quote the forward one.
#ifndef GFE_LAYER_H
#define GFE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "placement.h"
#include "real.h"

enum layer_kind { LAYER_DENSE };
const char *layer_name(int kind);

// What the input file says of a layer.
struct layer_spec {
  int kind;
  int64_t width;   // dense: outputs
  int activation;  // enum activation_kind
};

// A layer in its place. Arrays of rows have strides real_padded(inputs) and real_padded(outputs).
struct layer {
  int kind, activation;
  size_t inputs, outputs;
  size_t weight_count;  // dense: outputs x inputs, row-major
  size_t weight, bias;  // where they begin in the block of all parameters
};

// theta, and the gradient arrays, are blocks of all parameters of the decoder.
struct layer_ops {
  const char *name;
  // Completes a layer of which kind, activation and inputs are set.
  void (*place)(struct layer *layer, const struct layer_spec *spec);
  // Fills weight and bias; `index` is the layer's number.
  void (*initialise)(const struct layer *layer, uint64_t seed, uint64_t index, real *theta);
  // s = W a, without the bias.
  void (*forward)(const struct layer *layer, const real *theta, size_t rows, const real *a,
                  real *s);
  // delta_a = W^T delta_s.
  void (*backward_input)(const struct layer *layer, const real *theta, size_t rows,
                         const real *delta_s, real *delta_a);
  // gradient = sum over rows of delta_s a^T for the weight, and over the first bias_rows rows of
  // delta_s for the bias; `add`: added to it.
  void (*backward_parameters)(const struct layer *layer, size_t rows, size_t bias_rows,
                              const real *delta_s, const real *a, bool add, real *gradient);
  // Narrows the rule of placement until it holds for the layer's products with rows.
  void (*narrow)(const struct layer *layer, struct placement_rule *rule);
};

const struct layer_ops *layer_ops(int kind);

#endif
