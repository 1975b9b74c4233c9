#include "decoder.h"

#include "memory.h"

struct decoder *decoder_layout(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss) {
  struct decoder *decoder = memory_new(struct decoder, 1);
  decoder->network = network_create(d, layer_count, specs, 0);
  decoder->d = d;
  decoder->n = decoder->network->outputs;
  decoder->loss = loss;
  decoder->count = decoder->network->end;
  return decoder;
}

void decoder_allocate(struct decoder *decoder) {
  decoder->theta = memory_new(real, decoder->count);
}

struct decoder *decoder_create(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss) {
  struct decoder *decoder = decoder_layout(d, layer_count, specs, loss);
  decoder_allocate(decoder);
  return decoder;
}

void decoder_destroy(struct decoder **decoder) {
  if (*decoder == NULL) return;
  network_destroy(&(*decoder)->network);
  memory_free(&(*decoder)->theta);
  memory_free(decoder);
}

void decoder_initialise(struct decoder *decoder, uint64_t seed) {
  network_initialise(decoder->network, seed, 0, decoder->theta);
}
