// The decoder x = D(z; theta): a network, the loss of what it makes, and the block with its
// parameters.
#ifndef GFE_DECODER_H
#define GFE_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "network.h"
#include "real.h"

struct decoder {
  size_t d, n;              // numbers in a latent, entries of a sample
  int loss;                 // enum loss_kind
  struct network *network;  // owned
  size_t count;             // elements of theta, gaps included
  real *theta;              // owned
};

// A decoder from `d` numbers through `layer_count` layers, with all parameters zero.
struct decoder *decoder_create(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss);

// The same in two steps, for who wants to know the size first: theta is NULL until it is allocated.
struct decoder *decoder_layout(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss);
void decoder_allocate(struct decoder *decoder);
void decoder_destroy(struct decoder **decoder);

// Random initial parameters, a function of `seed` alone.
void decoder_initialise(struct decoder *decoder, uint64_t seed);

#endif
