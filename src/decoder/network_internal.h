// What passes of values and passes of tangents have in common: the linear parts of the layers, over
// all rows. Between them each puts its own activations.
#ifndef GFE_NETWORK_INTERNAL_H
#define GFE_NETWORK_INTERNAL_H

#include "decoder/network.h"

// Buffers of a layer, rows of real_padded(outputs), or blocks of a field.
struct network_buffers {
  real *a;      // activations
  real *slope;  // of phi, NULL for the identity
  real *delta;  // d loss / d a, then d loss / d s
  real *bias;   // see layer_bias()
};

struct network_rows {
  const struct network *network;
  real *input, *gradient;  // [rows][real_padded(inputs)]
  real *work;
  struct network_buffers *layers;
};

// Without `own_delta` the last layer's delta lies where its output was.
struct network_rows *network_rows_create(const struct network *network, size_t rows,
                                         bool own_delta);
void network_rows_destroy(struct network_rows **rows);
size_t network_rows_bytes(const struct network *network, size_t rows, bool own_delta);

// s = W a of layer l, plus its second source if it has one, without the bias. Returns the bias of a
// block, NULL if nothing needs to be done about it.
const real *network_rows_forward(struct network_rows *r, const real *theta, size_t l, size_t rows);

// delta_a = W^T delta_s of layer l for its sources; for the network's input only if wanted.
void network_rows_backward(struct network_rows *r, const real *theta, size_t l, size_t rows,
                           bool to_input);

// The gradient of all parameters from `rows` rows on from row `first`, as a layer's
// backward_parameters().
void network_rows_gradient(struct network_rows *r, size_t first, size_t rows, size_t bias_rows,
                           bool add, real *gradient);

#endif
