// The decoder x = D(z; theta): a chain of layers and one block with all parameters.
#ifndef GFE_DECODER_H
#define GFE_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"
#include "real.h"

// Weights and biases begin at whole vectors inside theta; the gaps are zero and stay zero.
struct decoder {
  size_t d, n;  // numbers in a latent, entries of a sample
  int loss;     // enum loss_kind
  size_t layer_count;
  struct layer *layers;  // owned
  size_t count;          // elements of theta, gaps included
  real *theta;           // owned
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

// Parameters without the gaps.
size_t decoder_parameters(const struct decoder *decoder);

// Multiplications and additions of one gradient evaluation of one sample: forward and backward.
double decoder_flops(const struct decoder *decoder);

// Narrows the rule of placement until it holds for all products of the decoder.
void decoder_narrow(const struct decoder *decoder, struct placement_rule *rule);

#endif
