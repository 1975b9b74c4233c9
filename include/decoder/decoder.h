// The decoder x = D(z; theta): a network, the loss of its output, and the block of its parameters;
// in an autoencoder also the encoder z = E(y; theta), a network with parameters in the same block.
#ifndef GFE_DECODER_H
#define GFE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/loss.h"
#include "decoder/network.h"
#include "ground/real.h"

struct decoder {
  size_t d, n;  // numbers in a latent, entries of a sample
  enum loss_kind loss;
  struct network *network;  // owned
  struct network *encoder;  // of an autoencoder, owned, with its parameters after those of the
                            // decoder's network; else NULL
  size_t count;             // elements of theta, gaps included
  real *theta;              // owned
  real *packed;             // its weights packed for products (decoder_pack()), owned
  real *work;               // of that packing, owned
  // Of an excerpt, owned, else NULL: its outputs by their numbers in the whole, [n], and the ends
  // of chains of products over them (network_excerpt_chains()).
  size_t *outputs, *chains;
};

// A decoder that takes `d` numbers through `layer_count` layers, with all parameters zero.
struct decoder *decoder_create(size_t d, size_t layer_count, const struct layer_spec *specs,
                               enum loss_kind loss);

// The same in two steps, for callers that need to know the size first: theta is NULL until
// allocated.
struct decoder *decoder_layout(size_t d, size_t layer_count, const struct layer_spec *specs,
                               enum loss_kind loss);
void decoder_allocate(struct decoder *decoder);

// Elements of the packed weights.
size_t decoder_packed_size(const struct decoder *decoder);

// Packs the weights for products: to be called after every change of theta, before the next pass.
void decoder_pack(struct decoder *decoder);

// theta and the packed weights, in the form that passes through the networks take (borrowed).
struct network_values decoder_values(const struct decoder *decoder);

// Adds an encoder from n to d numbers, with layers that fit, to a decoder whose theta has not been
// allocated yet.
void decoder_add_encoder(struct decoder *decoder, size_t layer_count,
                         const struct layer_spec *specs);

// The encoder that mirrors a decoder of dense layers: the hidden layers in reverse order, with
// their widths and activations, and a linear layer to the `d` numbers of the latent. Fills `mirror`
// [layer_count]; false if a layer is of another kind.
bool decoder_mirror(size_t d, size_t layer_count, const struct layer_spec *specs,
                    struct layer_spec *mirror);

void decoder_destroy(struct decoder **decoder);

// A decoder of some of the outputs alone, `count` numbers in ascending order. It has its own
// parameters, packed, and no encoder. For samples whose other entries have weight 0, losses and all
// derivatives with respect to z have the same bits as with the whole decoder. Owned by the caller;
// NULL if the outputs are not those of dense layers and their sums.
struct decoder *decoder_excerpt(const struct decoder *decoder, size_t count, const size_t *outputs);

// Bytes that it takes.
double decoder_excerpt_bytes(const struct decoder *decoder, size_t count);

// Random initial parameters, packed, a function of `seed` alone; the decoder's do not depend on
// whether there is an encoder.
void decoder_initialise(struct decoder *decoder, uint64_t seed);

#endif
