// The outputs of a decoder at one latent.
#ifndef GFE_TEST_DECODE_H
#define GFE_TEST_DECODE_H

#include <string.h>

#include "decoder/decoder.h"
#include "decoder/network.h"

// x [real_padded(n)] at z [real_padded(d)].
static inline void decode(const struct decoder *decoder, const real *z, real *x) {
  struct network_pass *pass = network_pass_create(decoder->network, 1, false);
  memcpy(network_pass_input(pass), z, real_padded(decoder->d) * sizeof *z);
  memcpy(x, network_pass_forward(pass, decoder_values(decoder), 1),
         real_padded(decoder->n) * sizeof *x);
  network_pass_destroy(&pass);
}

#endif
