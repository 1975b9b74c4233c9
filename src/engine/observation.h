// Samples of which little is observed: the decoder of those outputs alone that any of them
// observes, and what the samples have there. Flows see the same losses and derivatives, to the last
// bit, as with the whole decoder (decoder_excerpt()), whichever samples stand together.
#ifndef GFE_OBSERVATION_H
#define GFE_OBSERVATION_H

#include "decoder/decoder.h"
#include "engine/samples.h"

struct observation {
  struct decoder *decoder;  // owned
  struct samples samples;   // borrowing from here and from the samples that it is of
  real *y, *w;              // [count][real_padded(decoder->n)], owned
};

// That of some samples (borrowed). NULL if it would save little, as more than a quarter of the
// outputs is observed, or cannot be, as these come from other than dense layers. Owned by the
// caller.
struct observation *observation_create(const struct decoder *decoder,
                                       const struct samples *samples);
void observation_destroy(struct observation **observation);

// Bytes of it at most, of `count` samples.
double observation_bytes(const struct decoder *decoder, double count);

#endif
