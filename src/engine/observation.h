// Samples of which few entries are observed: a decoder with only those outputs that any of them
// observes, and the samples' entries there. Flows see the same losses and derivatives, to the last
// bit, as with the whole decoder (decoder_excerpt()), whichever samples are taken together.
#ifndef GFE_OBSERVATION_H
#define GFE_OBSERVATION_H

#include "decoder/decoder.h"
#include "engine/samples.h"

struct observation {
  struct decoder *decoder;  // owned
  struct samples samples;   // borrows from this struct and from the original samples
  real *y, *w;              // [count][real_padded(decoder->n)], owned
};

// The observation of some samples (borrowed). NULL if it would save little, because more than a
// quarter of the outputs is observed, or is impossible, because these do not come from dense
// layers. Owned by the caller.
struct observation *observation_create(const struct decoder *decoder,
                                       const struct samples *samples);
void observation_destroy(struct observation **observation);

// The most bytes that it takes for `count` samples.
double observation_bytes(const struct decoder *decoder, double count);

#endif
